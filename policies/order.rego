package holdfast.order

import data.holdfast.principal
import data.limits

# Nothing has left the site yet.
open_states := {"placed", "reserved", "authorised", "confirmed"}

is_owner if input.principal.subject == input.resource.customer

rule contains "customers place orders of their own" if {
	input.action == "order.place"
	principal.has_role("customer")
	is_owner
}

rule contains "customers read their own orders" if {
	input.action == "order.read"
	principal.has_role("customer")
	is_owner
}

rule contains "staff read the orders of their sites" if {
	input.action == "order.read"
	principal.is_one_of({"operator", "manager", "administrator", "service"})
	principal.covers_all(input.resource.sites)
}

rule contains "customers cancel their own orders while they are open and young" if {
	input.action == "order.cancel"
	principal.has_role("customer")
	is_owner
	input.resource.state in open_states
	input.resource.ageSeconds <= limits.customer_cancel_seconds
}

rule contains "managers cancel the open orders of their sites" if {
	input.action == "order.cancel"
	principal.is_one_of({"manager", "administrator"})
	principal.covers_all(input.resource.sites)
	input.resource.state in open_states
}

rule contains "staff ship from their sites" if {
	input.action == "order.ship"
	principal.is_one_of({"operator", "manager", "administrator", "service"})
	principal.covers_all(input.resource.sites)
}

rule contains "managers refund the orders of their sites" if {
	input.action == "order.refund"
	principal.is_one_of({"manager", "administrator"})
	principal.covers_all(input.resource.sites)
}

rule contains "operators refund small amounts at their sites" if {
	input.action == "order.refund"
	principal.has_role("operator")
	principal.covers_all(input.resource.sites)
	input.resource.minorUnits <= limits.operator_refund_minor_units
}
