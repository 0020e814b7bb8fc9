package holdfast.decision_test

import data.holdfast.decision

person(roles) := {"subject": "usr_1", "tenant": "acme", "sites": ["site-1"], "roles": roles}

everywhere(roles) := object.union(person(roles), {"sites": ["*"]})

order(changes) := object.union(
	{
		"tenant": "acme",
		"orderId": "ord_1",
		"customer": "usr_1",
		"state": "confirmed",
		"sites": ["site-1"],
		"ageSeconds": 60,
	},
	changes,
)

answer(principal, action, resource) := told if {
	question := {"principal": principal, "action": action, "resource": resource}
	told := decision.answer with input as question
}

allowed(principal, action, resource) if answer(principal, action, resource).allowed

denied(principal, action, resource) if not answer(principal, action, resource).allowed

test_what_no_rule_allows_is_denied_and_says_so if {
	told := answer(person(["administrator"]), "moon.sell", {"tenant": "acme"})
	told == {"allowed": false, "reasons": ["no rule allows moon.sell"]}
}

test_another_tenants_is_denied_whatever_the_role if {
	told := answer(everywhere(["administrator"]), "order.read", order({"tenant": "other"}))
	told == {"allowed": false, "reasons": ["it belongs to another tenant"]}
}

test_the_rule_that_allowed_is_named if {
	told := answer(person(["customer"]), "order.read", order({}))
	told == {"allowed": true, "reasons": ["customers read their own orders"]}
}

test_customers_place_orders_of_their_own_only if {
	own := {"tenant": "acme", "customer": "usr_1", "minorUnits": 100}
	allowed(person(["customer"]), "order.place", own)
	denied(person(["customer"]), "order.place", object.union(own, {"customer": "usr_2"}))
	denied(person(["operator"]), "order.place", own)
}

test_customers_read_no_order_of_another if {
	denied(person(["customer"]), "order.read", order({"customer": "usr_2"}))
}

test_staff_read_the_orders_of_their_sites if {
	some role in ["operator", "manager", "administrator", "service"]
	allowed(person([role]), "order.read", order({"customer": "usr_2"}))
	denied(person([role]), "order.read", order({"customer": "usr_2", "sites": ["site-1", "site-2"]}))
	allowed(everywhere([role]), "order.read", order({"customer": "usr_2", "sites": ["site-2"]}))
}

test_customers_cancel_while_open if {
	every state in ["placed", "reserved", "authorised", "confirmed"] {
		allowed(person(["customer"]), "order.cancel", order({"state": state}))
	}
	every state in ["shipping", "fulfilled", "declined", "cancelled", "refunded"] {
		denied(person(["customer"]), "order.cancel", order({"state": state}))
	}
}

test_customers_cancel_for_a_day if {
	allowed(person(["customer"]), "order.cancel", order({"ageSeconds": 86400}))
	denied(person(["customer"]), "order.cancel", order({"ageSeconds": 86401}))
	denied(person(["customer"]), "order.cancel", order({"customer": "usr_2"}))
}

test_managers_cancel_open_orders_of_their_sites if {
	late := {"ageSeconds": 999999, "customer": "usr_2"}
	allowed(person(["manager"]), "order.cancel", order(late))
	denied(person(["operator"]), "order.cancel", order(late))
	denied(person(["manager"]), "order.cancel", order(object.union(late, {"state": "fulfilled"})))
	denied(person(["manager"]), "order.cancel", order(object.union(late, {"sites": ["site-2"]})))
}

test_staff_ship_from_their_sites if {
	allowed(person(["operator"]), "order.ship", order({}))
	allowed(everywhere(["service"]), "order.ship", order({}))
	denied(person(["customer"]), "order.ship", order({}))
	denied(person(["operator"]), "order.ship", order({"sites": ["site-2"]}))
}

test_managers_refund_and_operators_small_amounts if {
	allowed(person(["manager"]), "order.refund", order({"minorUnits": 500000}))
	allowed(person(["operator"]), "order.refund", order({"minorUnits": 5000}))
	denied(person(["operator"]), "order.refund", order({"minorUnits": 5001}))
	denied(person(["customer"]), "order.refund", order({"minorUnits": 1}))
	denied(person(["manager"]), "order.refund", order({"minorUnits": 1, "sites": ["site-2"]}))
	denied(person(["operator"]), "order.refund", order({"minorUnits": 1, "sites": ["site-2"]}))
}

stock(changes) := object.union({"tenant": "acme", "site": "site-1", "quantity": 1}, changes)

test_staff_read_the_stock_of_their_sites if {
	allowed(person(["operator"]), "stock.read", stock({}))
	denied(person(["operator"]), "stock.read", stock({"site": "site-2"}))
	denied(person(["customer"]), "stock.read", stock({}))
}

test_managers_adjust_and_operators_small_quantities if {
	allowed(person(["manager"]), "stock.adjust", stock({"quantity": -100000}))
	denied(person(["manager"]), "stock.adjust", stock({"site": "site-2"}))
	allowed(person(["operator"]), "stock.adjust", stock({"quantity": -100}))
	denied(person(["operator"]), "stock.adjust", stock({"quantity": 101}))
	denied(person(["operator"]), "stock.adjust", stock({"site": "site-2"}))
	denied(person(["customer"]), "stock.adjust", stock({}))
}

price(from, to) := {"tenant": "acme", "fromMinorUnits": from, "toMinorUnits": to}

test_managers_write_the_catalogue if {
	allowed(person(["manager"]), "product.write", {"tenant": "acme"})
	denied(person(["operator"]), "product.write", {"tenant": "acme"})
}

test_managers_change_prices_within_bounds if {
	allowed(person(["manager"]), "product.price_change", price(1000, 1500))
	allowed(person(["manager"]), "product.price_change", price(1000, 500))
	denied(person(["manager"]), "product.price_change", price(1000, 1501))
	denied(person(["manager"]), "product.price_change", price(1000, 0))
	allowed(person(["manager"]), "product.price_change", price(0, 1000))
	allowed(person(["administrator"]), "product.price_change", price(1000, 0))
	denied(person(["customer"]), "product.price_change", price(0, 1000))
}

test_people_read_what_is_theirs_and_managers_all if {
	allowed(person(["customer"]), "person.read", {"tenant": "acme", "person": "usr_1"})
	denied(person(["customer"]), "person.read", {"tenant": "acme", "person": "usr_2"})
	allowed(person(["manager"]), "person.read", {"tenant": "acme", "person": "usr_2"})
}

test_administrators_read_the_audit if {
	allowed(person(["administrator"]), "audit.read", {"tenant": "acme"})
	denied(person(["manager"]), "audit.read", {"tenant": "acme"})
}

told_why(principal, action, resource) := told.reasons if {
	told := answer(principal, action, resource)
	not told.allowed
}

test_a_bound_that_was_met_is_named if {
	told_why(person(["customer"]), "order.cancel", order({"state": "shipping"})) == [concat(" ", [
		"the order is shipping: it can be cancelled while it is",
		"authorised, confirmed, placed, reserved",
	])]
	told_why(person(["manager"]), "order.cancel", order({"state": "fulfilled", "customer": "usr_2"})) == [concat(" ", [
		"the order is fulfilled: it can be cancelled while it is",
		"authorised, confirmed, placed, reserved",
	])]
	told_why(person(["customer"]), "order.cancel", order({"ageSeconds": 86401})) == [concat(" ", [
		"customers cancel within 24 hours after placing;",
		"a manager can cancel it later",
	])]
	told_why(person(["operator"]), "order.refund", order({"minorUnits": 5001})) == [concat(" ", [
		"operators refund up to 5000 in the currency's smallest unit;",
		"a manager can refund more",
	])]
	told_why(person(["operator"]), "stock.adjust", stock({"quantity": 101})) == [concat(" ", [
		"operators adjust up to 100 pieces at once;",
		"a manager can adjust more",
	])]
	told_why(person(["operator"]), "stock.adjust", stock({"site": "site-2"})) == ["you do not work at site-2"]
	told_why(person(["manager"]), "product.price_change", price(1000, 1501)) == [concat(" ", [
		"managers change a price by up to 50 percent, and not to nothing;",
		"an administrator can change it further",
	])]
}

test_who_could_not_do_it_in_any_case_is_told_no_bound if {
	told_why(person(["customer"]), "order.cancel", order({"customer": "usr_2", "state": "shipping"})) == ["no rule allows order.cancel"]
	told_why(person(["operator"]), "order.cancel", order({"state": "shipping", "customer": "usr_2"})) == ["no rule allows order.cancel"]
	told_why(person(["operator"]), "order.refund", order({"sites": ["site-2"]})) == ["no rule allows order.refund"]
	told_why(person(["customer"]), "stock.adjust", stock({})) == ["no rule allows stock.adjust"]
}
