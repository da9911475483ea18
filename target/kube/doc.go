// Package kube is the Kubernetes target: it plans, applies, prunes and heals
// the objects of an application, and tells how they are.
//
//	Cluster    a connection; all calls are bounded in number and in time
//	App        the application on whose behalf a call is made
//	Resolve    gives every declared object its full ID: scope and namespace
//	Plan       what Apply and Prune would do, by server-side dry run
//	Apply      server-side apply in dependency order, as the field manager
//	           "holdfast" and with the label of the application
//	Inventory  what an application owns, kept in a ConfigMap
//	Prune      deletes what is owned and no longer declared, within limits
//	Heal       takes one object back to what Git declares
//	Health     how objects are: rules per kind, in CEL, and kstatus for the rest
//
// # The order of an apply
//
// The inventory is written first, as what was owned ∪ what is declared, so an
// object that is created right before a crash is known and cannot be orphaned.
// Then come namespaces, custom resource definitions (and a wait until they are
// established), and all else by weight: what others need goes before what
// needs it, and admission webhooks come last, since they may need their own
// workload to run. If an object fails, what needs it is held and the rest goes
// on. At last the inventory is written again with the UIDs.
//
// # Ownership
//
// An object belongs to the application that its label names. An object with
// the label of another application is never touched. A prune deletes an object
// only if the inventory names it, its label is ours, and its UID is the one
// that we created.
//
// # Secrets
//
// Nothing the API server answers is repeated as it is. Values of Secrets, and
// of fields that by their name hold credentials, are hidden in plans, and are
// cut out of messages.
package kube
