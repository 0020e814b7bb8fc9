package holdfast.stock

import data.holdfast.principal
import data.limits

rule contains "staff read the stock of their sites" if {
	input.action == "stock.read"
	principal.is_one_of({"operator", "manager", "administrator", "service"})
	principal.covers(input.resource.site)
}

rule contains "managers adjust the stock of their sites" if {
	input.action == "stock.adjust"
	principal.is_one_of({"manager", "administrator"})
	principal.covers(input.resource.site)
}

rule contains "operators adjust small quantities at their sites" if {
	input.action == "stock.adjust"
	principal.has_role("operator")
	principal.covers(input.resource.site)
	abs(input.resource.quantity) <= limits.operator_adjust_quantity
}
