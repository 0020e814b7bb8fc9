Feature: Retry of a lost answer
  Who does not hear an answer asks again, and gets the same one.

  Background:
    Given the shop sells "butter" at 2.79 EUR
    And 10 of "butter" are in stock

  Scenario: The same request with the same key is one order
    When the customer orders 2 of "butter", and the answer is lost
    And the customer sends the same order again
    Then both answers name the same order
    And the order becomes "confirmed"
    And 8 of "butter" are free

  Scenario: The same key with another order is refused
    When the customer orders 2 of "butter"
    And the customer orders 3 of "butter" with the same key
    Then the request is refused with 422

  Scenario: The bank's answer is lost after it charged
    Given the bank's answer will be lost after it charged
    When the customer orders 1 of "butter"
    Then the order becomes "confirmed"
    And the bank holds the amount once
