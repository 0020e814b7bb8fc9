Feature: Checkout
  A customer orders what is in stock, pays, and gets it.

  Background:
    Given the shop sells "peas" at 2.49 EUR
    And 10 of "peas" are in stock

  Scenario: An order that is paid is confirmed, shipped and fulfilled
    When the customer orders 3 of "peas"
    Then the order becomes "confirmed"
    And 7 of "peas" are free
    When the storekeeper ships the order
    Then the order becomes "fulfilled"
    And the payment was captured once
    And 7 of "peas" are on hand

  Scenario: What is not in stock is not sold
    When the customer orders 11 of "peas"
    Then the order becomes "declined"
    And 10 of "peas" are free
    And nothing was charged

  Scenario: The customer sees why the order is as it is
    When the customer orders 1 of "peas"
    Then the order becomes "confirmed"
    And its story tells in order: "placed, reserved, authorised, confirmed"
