Feature: Refund
  What was paid can be given back, once.

  Background:
    Given the shop sells "pizza" at 3.19 EUR
    And 5 of "pizza" are in stock

  Scenario: The manager refunds a fulfilled order
    When the customer orders 1 of "pizza"
    Then the order becomes "confirmed"
    When the storekeeper ships the order
    Then the order becomes "fulfilled"
    When the manager refunds the order
    Then the order becomes "refunded"
    And everything that was captured was paid back

  Scenario: The customer cannot refund
    When the customer orders 1 of "pizza"
    Then the order becomes "confirmed"
    When the customer refunds the order
    Then the request is refused with 403
