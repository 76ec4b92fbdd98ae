package templates

// FindingReason is the kind of a finding; the reasons are a closed list.
type FindingReason string

// The reasons, sorted.
const (
	BadCanary          FindingReason = "BadCanary"
	BadConstraint      FindingReason = "BadConstraint"
	BadDefault         FindingReason = "BadDefault"
	BadExample         FindingReason = "BadExample"
	BadMatch           FindingReason = "BadMatch"
	BadName            FindingReason = "BadName"
	BadPosition        FindingReason = "BadPosition"
	BadValue           FindingReason = "BadValue"
	DuplicateKey       FindingReason = "DuplicateKey"
	DuplicateMountPath FindingReason = "DuplicateMountPath"
	DuplicateName      FindingReason = "DuplicateName"
	DuplicateTemplate  FindingReason = "DuplicateTemplate"
	ExpressionCost     FindingReason = "ExpressionCost"
	ExpressionFailed   FindingReason = "ExpressionFailed"
	ExpressionSyntax   FindingReason = "ExpressionSyntax"
	ExpressionType     FindingReason = "ExpressionType"
	FieldNotAllowed    FindingReason = "FieldNotAllowed"
	FirstTargetOnly    FindingReason = "FirstTargetOnly"
	InternalError      FindingReason = "InternalError"
	MissingField       FindingReason = "MissingField"
	MissingNamespace   FindingReason = "MissingNamespace"
	MissingRequests    FindingReason = "MissingRequests"
	MountWithoutVolume FindingReason = "MountWithoutVolume"
	NewerKubernetes    FindingReason = "NewerKubernetes"
	PortClash          FindingReason = "PortClash"
	ReservedKey        FindingReason = "ReservedKey"
	ReservedName       FindingReason = "ReservedName"
	ShellInjection     FindingReason = "ShellInjection"
	TooLarge           FindingReason = "TooLarge"
	TooManyFindings    FindingReason = "TooManyFindings"
	UnclosedExpression FindingReason = "UnclosedExpression"
	UnknownField       FindingReason = "UnknownField"
	UnknownOverride    FindingReason = "UnknownOverride"
	UnknownVariable    FindingReason = "UnknownVariable"
	UnquotedExpression FindingReason = "UnquotedExpression"
	UnusedCanary       FindingReason = "UnusedCanary"
	UnusedParameter    FindingReason = "UnusedParameter"
	WrongKind          FindingReason = "WrongKind"
	WrongType          FindingReason = "WrongType"
	YAMLSyntax         FindingReason = "YAMLSyntax"
)

// FindingReasonInfo explains a reason, for the command explain and the documentation.
type FindingReasonInfo struct {
	Reason FindingReason
	// Text says what the reason means, Cause what usually leads to it, Fix what to do.
	Text, Cause, Fix string
}

// FindingReasons returns all reasons, sorted by name.
func FindingReasons() []FindingReasonInfo {
	return []FindingReasonInfo{
		{BadCanary, "The canary of the template does not say for which pods it counts.",
			"It has none of namespaceSelector and percent, or both; percent is not from 0 to 100, or the selector is malformed.",
			"Give of, and one of namespaceSelector ({} selects every namespace) and percent."},
		{BadConstraint, "A parameter's enum, pattern, minimum, maximum or maxLength makes no sense.",
			"The constraint does not go with the parameter's type, cannot be read, or contradicts another.",
			"Write bounds and enum values as an annotation would give them; drop what the type does not take."},
		{BadDefault, "A parameter's default is not a value of the parameter.",
			"It is of another type, breaks a constraint, or the parameter is required.",
			"Give a value that the constraints allow, or \"\" for not given."},
		{BadExample, "An example sets parameters that the template does not take.",
			"A parameter was renamed, became required, or got a constraint, and the example stayed as it was.",
			"Give every required parameter a value that its constraints allow, and no others than the declared ones."},
		{BadMatch, "The match rule of the template cannot be used.",
			"It is empty, a selector is malformed, or the template has a required parameter that nobody would set.",
			"Give podSelector or namespaceSelector ({} selects everything) and a default for each parameter."},
		{BadName, "A name breaks the rules for names.",
			"Upper-case letters, dots, underscores, too many characters, or a word with a meaning of its own.",
			"Templates: a DNS label of at most 30 characters, not true, false or none. Parameters: a letter, then letters and digits. Containers and volumes: a DNS label of at most 63."},
		{BadPosition, "A $position is none of first, last, before:NAME, after:NAME, or its NAME is nearly that of a container of the template.",
			"A misspelling, or $position on something that is not a container.",
			"Write one of the four, or a list of them: the first NAME that is there counts."},
		{BadValue, "A value is of the right type and still not valid there.",
			"A quantity, duration, port, path or enumerated word that Kubernetes would refuse.",
			"See the message for what the field takes."},
		{DuplicateKey, "A mapping has one key twice.",
			"Two blocks were merged by hand.",
			"Keep one of them; the message names both lines."},
		{DuplicateMountPath, "A container mounts two volumes at one path.",
			"Two mounts whose paths are equal once cleaned (/a/ is /a).",
			"Choose another path for one of them, or drop it with $when."},
		{DuplicateName, "Two containers, volumes, variables, parameters or examples have one name.",
			"Copying; or two $when conditions that hold at once.",
			"Rename one; make the conditions exclude each other."},
		{DuplicateTemplate, "One source has two templates of one kind and name.",
			"A file was copied, or a folder mounted twice.",
			"Rename or remove one of them. Neither is used as long as both are there."},
		{ExpressionCost, "Expressions take too much work.",
			"Loops over long lists, nested; regular expressions over long texts.",
			"Stay below 100,000 CEL units for one expression and 1,000,000 for the template, 10,000,000 for it with all its examples."},
		{ExpressionFailed, "An expression cannot be evaluated.",
			"It reads a field that is absent, or converts a value that has no such form.",
			"Read fields that may be absent with ? and orValue: pod.metadata.?labels[?\"app\"].orValue(\"\")."},
		{ExpressionSyntax, "The text inside ${} is not a CEL expression.",
			"A missing quote, bracket or operator; YAML took a part of it for itself.",
			"Mend the expression at the caret; quote the whole value for YAML if it holds ': ' or ' #'."},
		{ExpressionType, "The types of an expression do not fit.",
			"Operands of different types, or a value of a type that the field does not take.",
			"Convert with int(), string(), double(); parameters have the type that they declare."},
		{FieldNotAllowed, "The field exists in Kubernetes, but a template may not add it.",
			"A pod or app section that was copied from a whole pod.",
			"Remove it. Templates add containers, volumes and what goes with them; the rest of the pod belongs to its author."},
		{FirstTargetOnly, "Each target container gets what was read of the first.",
			"What stands under app reads the variable app, which is the first target, and the template may have several.",
			"Read target, which is the container that gets it. Where the first is meant, read app in one of the template's variables, and that here."},
		{InternalError, "The injector came upon a bug of its own while it checked the template.",
			"The template does something that nobody has thought of. Other templates are not affected, and the last good version stays in force.",
			"Report it with the template and the stack from the injector's log; validate tells whether another way to write it works."},
		{MissingField, "A required field is absent.",
			"It was forgotten, or an optional expression without a value dropped it.",
			"Add it."},
		{MissingNamespace, "A SidecarTemplate has no namespace.",
			"The file relies on kubectl apply -n.",
			"Set metadata.namespace, or make it a ClusterSidecarTemplate. Without, it counts in default."},
		{MissingRequests, "A container has no request for cpu or memory.",
			"The request was left to the cluster.",
			"Set resources.requests.cpu and .memory: without them autoscalers and quotas fail for the whole pod."},
		{MountWithoutVolume, "A container mounts a volume, or reads a variable from a file of one, that nobody defines.",
			"A misspelt name, or a volume whose $when does not hold when the mount's does.",
			"Add the volume to spec.pod.spec.volumes, or give both the same $when."},
		{NewerKubernetes, "The Kubernetes that the template is for does not have a field, or not by default.",
			"The template was written for a newer one. An API server drops fields that it does not know or has not switched on, without a word; where that leaves a pod that it refuses, or something else than was meant, the finding is an error.",
			"Leave the field out, or upgrade. validate takes the oldest Kubernetes that the injector supports; --kubernetes-version names the oldest of your clusters. What stands under a $when that reads cluster is left to whoever configures the injector."},
		{PortClash, "Two containers of the template use one port.",
			"Containers of a pod share one network.",
			"Choose another port for one of them; ${8084 + index} differs for each instance."},
		{ReservedKey, "A label or annotation under sidecar-injector.dev, which the injector keeps for itself.",
			"A template that asks for another template, or sets a parameter.",
			"Remove it. Templates may set the annotation sidecar-injector.dev/config.${instance} only."},
		{ReservedName, "A volume name beginning kube-api-access-.",
			"The definition was copied from a running pod; Kubernetes makes that volume itself.",
			"Remove the volume and its mounts."},
		{ShellInjection, "A parameter's value becomes part of the text of a shell command.",
			"The shell would run whatever the pod's author writes into the annotation.",
			"Pass it as an environment variable and quote it there: env FOLDER=${params.folder}, command ls \"$FOLDER\"."},
		{TooLarge, "The template is larger than a template may be.",
			"It is generated, or holds data that belongs into a ConfigMap.",
			"Stay within 500 expressions of 32 KiB together, 200 parameters, 1,000 labels in match, 100 in canary, and 50,000 values, counted once more for each example; make several templates of it."},
		{TooManyFindings, "There are more findings than the 100 errors or warnings that are shown.",
			"One mistake in many places, or a file that is something else than a template.",
			"Mend those that are shown, then look again."},
		{UnclosedExpression, "A ${ has no closing brace.",
			"A forgotten }, or YAML took ' #' for a comment.",
			"Close it, quote the value for YAML, or write $${ for a literal ${."},
		{UnknownField, "There is no field of that name.",
			"A misspelling, wrong indentation, or a field of another version of Kubernetes.",
			"See the message for the nearest name."},
		{UnknownOverride, "overrides names something that is no field of a container.",
			"A misspelling, or a field of the pod.",
			"Name fields of a container, such as resources, image, env."},
		{UnknownVariable, "An expression uses a name that is neither variable nor function.",
			"A misspelling; a shell's or Helm's variable in ${}.",
			"Variables are params, instance, index, native, app, pod, workload, namespaceObject, cluster, variables; within app also target, and in what $each makes each and eachIndex. Write $${HOME} for a literal ${HOME}."},
		{UnquotedExpression, "YAML cannot read the line because of an expression that is not quoted.",
			"The expression holds ': ' or ' #', or stands inside { } or [ ].",
			"Put the whole value in double quotes."},
		{UnusedCanary, "The canary counts for no pod.",
			"The template whose place it takes is not there: its name is misspelt, or it was renamed or deleted. Or there are too many canaries of one template. validate does not say so, for it sees files only; templates list, check and the status of the resource do.",
			"Correct spec.canary.of; or remove spec.canary and give the template the name."},
		{UnusedParameter, "No expression reads the parameter.",
			"The expression was removed, or never written.",
			"Use it or remove it: a pod that sets it gets nothing from it."},
		{WrongKind, "The document is not a template of this version.",
			"Another kind or apiVersion in a template file.",
			"Use apiVersion sidecar-injector.dev/v1alpha1 and kind ClusterSidecarTemplate or SidecarTemplate."},
		{WrongType, "A value is of another type than the field.",
			"Numbers, true and false need quotes where text is wanted, and none elsewhere; wrong indentation.",
			"Write the type that the message asks for."},
		{YAMLSyntax, "The file is not YAML.",
			"Indentation, tabs, an unclosed quote or bracket.",
			"Mend the line that the message names."},
	}
}
