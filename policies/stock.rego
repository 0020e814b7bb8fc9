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

# What follows says which bound was met, and who can go beyond it.

denial contains concat(" ", ["you do not work at", input.resource.site]) if {
	input.action in {"stock.read", "stock.adjust"}
	principal.is_one_of({"operator", "manager", "administrator", "service"})
	not principal.covers(input.resource.site)
}

denial contains concat("", [
	"operators adjust up to ", format_int(limits.operator_adjust_quantity, 10),
	" pieces at once; a manager can adjust more",
]) if {
	input.action == "stock.adjust"
	principal.has_role("operator")
	principal.covers(input.resource.site)
}
