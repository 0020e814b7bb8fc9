Feature: Decline
  Who cannot pay gets nothing, and holds nothing back from others.

  Background:
    Given the shop sells "salmon" at 7.99 EUR
    And 5 of "salmon" are in stock

  Scenario: A declined card gives the stock back
    Given the customer's bank will decline
    When the customer orders 2 of "salmon"
    Then the order becomes "declined"
    And 5 of "salmon" are free
    And nothing was charged
