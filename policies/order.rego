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

# What follows says which bound was met, and who can go beyond it.

may_cancel_open if {
	principal.has_role("customer")
	is_owner
}

may_cancel_open if {
	principal.is_one_of({"manager", "administrator"})
	principal.covers_all(input.resource.sites)
}

denial contains concat("", [
	"the order is ", input.resource.state,
	": it can be cancelled while it is ", concat(", ", sort(open_states)),
]) if {
	input.action == "order.cancel"
	may_cancel_open
	not input.resource.state in open_states
}

denial contains concat("", [
	"customers cancel within ", format_int(limits.customer_cancel_seconds / 3600, 10),
	" hours after placing; a manager can cancel it later",
]) if {
	input.action == "order.cancel"
	may_cancel_open
	input.resource.state in open_states
}

denial contains concat("", [
	"operators refund up to ", format_int(limits.operator_refund_minor_units, 10),
	" in the currency's smallest unit; a manager can refund more",
]) if {
	input.action == "order.refund"
	principal.has_role("operator")
	principal.covers_all(input.resource.sites)
}
