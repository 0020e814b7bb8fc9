Feature: Cancel
  An order that has not been shipped can be taken back.

  Background:
    Given the shop sells "berries" at 4.29 EUR
    And 5 of "berries" are in stock

  Scenario: The customer cancels before it is shipped
    When the customer orders 2 of "berries"
    Then the order becomes "confirmed"
    When the customer cancels the order
    Then the order becomes "cancelled"
    And 5 of "berries" are free
    And nothing was charged

  Scenario: What was shipped cannot be cancelled
    When the customer orders 2 of "berries"
    Then the order becomes "confirmed"
    When the storekeeper ships the order
    Then the order becomes "fulfilled"
    When the customer cancels the order
    Then the request is refused with 409
    And the order is "fulfilled"
