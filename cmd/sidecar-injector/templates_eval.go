package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// evalOptions are the flags of templates eval.
type evalOptions struct {
	offlineFlags
	template string
	output   string
}

func newTemplatesEvalCommand(std streams) *cobra.Command {
	o := &evalOptions{}
	cmd := &cobra.Command{
		Use:   "eval EXPRESSION [-f FILE]",
		Short: "Try an expression on a pod",
		Long: `Try an expression on a pod: its value, its type, and what it costs.

The variables are those of expressions in templates. params, instance and app are those
of the sidecar that the pod asks for, or of --template; without -f, the pod is a plain one.
The expression is written with ${ } as in a template, or without.

Exit code 1: the expression is wrong, or fails on this pod; 2: something cannot be read.`,
		Example: `  sidecar-injector templates eval 'app.ports[0].containerPort' -f pod.yaml
  sidecar-injector templates eval '${app.name}-${params.output}' --template log-collector`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.eval(cmd, args[0], std) },
	}
	o.offlineFlags.add(cmd)
	cmd.Args = oneArgument("the expression", "sidecar-injector templates eval 'app.name' -f pod.yaml")
	cmd.Flags().StringVar(&o.template, "template", "", "`name` of the template, or of the pod's instance of one, whose parameters are meant")
	cmd.Flags().StringVarP(&o.output, "output", "o", outputText, "text, json or yaml")
	complete(cmd, "output", outputText, outputJSON, outputYAML)
	_ = cmd.RegisterFlagCompletionFunc("template", func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return o.completeTemplate(cmd, nil, typed) // args would suppress it
	})
	return cmd
}

func (o *evalOptions) eval(cmd *cobra.Command, text string, std streams) error {
	if err := knownOutput(cmd, o.output, outputText, outputJSON, outputYAML); err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return &hinted{errors.New("the expression is empty"), "write one, such as app.name"}
	}
	of, err := o.sidecar(std)
	if err != nil {
		return err
	}
	scanned := expression.Whole(text)
	if strings.Contains(text, "${") {
		var fault *expression.Error
		if scanned, fault = expression.Scan(text); fault != nil {
			return expressionError(text, fault)
		}
	}
	tried, fault := of.template.Try(of.parameters, scanned, of.activation)
	if fault != nil {
		if of.template == nil && strings.HasPrefix(fault.Message, "parameter ") {
			fault.Hint = "--template NAME says whose parameters are meant"
		}
		return expressionError(text, fault)
	}
	if o.output != outputText {
		return o.structured(tried, std)
	}
	value := "no value"
	if tried.Present {
		if value, err = valueText(tried.Value); err != nil {
			return err
		}
	}
	if err := writeOut(std, []byte(palette{}.Printable(strings.TrimSuffix(value, "\n"))+"\n")); err != nil {
		return err
	}
	fmt.Fprintf(std.ErrOut, "type: %s\ncost: %d of the %d units that an expression may take\n", tried.Type, tried.Cost, expression.ExpressionLimit)
	return nil
}

func (o *evalOptions) structured(tried templates.Tried, std streams) error {
	out := map[string]any{"type": tried.Type, "cost": tried.Cost}
	if tried.Present {
		out["value"] = tried.Value
	}
	return writeStructured(std, o.output, out)
}

// valueText returns a string as it is, and any other value as YAML.
func valueText(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	text, err := structured(outputYAML, value)
	return string(text), err
}

// expressionError returns the fault with an excerpt that marks its position.
func expressionError(text string, fault *expression.Error) error {
	message := "expression: " + fault.Message
	if excerpt := load.Excerpt(text, fault.Offset); excerpt != "" {
		message += "\n" + excerpt
	}
	return &answerNo{&hinted{errors.New(message), fault.Hint}}
}

// evaluated is what an expression is evaluated for: a pod, and a sidecar if one is requested or named.
type evaluated struct {
	template   *templates.Template // nil if there is none
	parameters templates.Parameters
	activation expression.Activation
}

// sidecar returns the pod and the sidecar that it requests, or that of --template.
func (o *evalOptions) sidecar(std streams) (*evaluated, error) {
	if len(o.names) == 0 {
		o.names, std.In = []string{"-"}, strings.NewReader(cases.PlainPod)
	}
	l, err := o.load(std)
	if err != nil {
		return nil, err
	}
	if len(l.Pods) != 1 {
		return nil, &hinted{fmt.Errorf("the input holds %d pods and workloads, want 1", len(l.Pods)), "give one at a time"}
	}
	l.Evaluations = true
	answers, err := l.Answers()
	if err != nil {
		return nil, err
	}
	a := &answers[0]
	in, err := o.instance(a)
	if err != nil {
		return nil, err
	}
	of := &evaluated{}
	if of.activation, err = activationOf(a, in, l.Settings); err != nil {
		return nil, err
	}
	switch {
	case in != nil:
		if i := slices.IndexFunc(a.Result.Faults, func(f inject.Fault) bool { return f.Instance == in.Name && f.Reason == inject.BadParameter }); i >= 0 {
			return nil, &answerNo{&hinted{fmt.Errorf("%s: %s", a.FaultPlace(&a.Result.Faults[i]), a.Result.Faults[i].String()), a.Result.Faults[i].Fix}}
		}
		of.template = in.Template
	case o.template != "":
		chosen, err := o.lookup(l.Set, o.template)
		if err != nil {
			return nil, err
		}
		if chosen.Template == nil {
			return nil, &answerNo{findingsOf(chosen)}
		}
		of.template, of.activation.Instance = chosen.Template, chosen.Template.Name
	default:
		return of, nil
	}
	of.parameters, _ = of.template.Bind(func(name string) (string, bool) { return given(in, name) })
	if in == nil || len(in.Variables) == 0 { // not requested, or not rendered
		of.activation.Variables = of.template.OwnVariables(of.parameters, of.activation)
	}
	return of, nil
}

// given returns the text of a parameter that is not a default.
func given(in *inject.Instance, name string) (string, bool) {
	if in == nil {
		return "", false
	}
	i := slices.IndexFunc(in.Parameters, func(p inject.Parameter) bool { return p.Name == name && p.Origin != inject.OriginDefault })
	if i < 0 {
		return "", false
	}
	return in.Parameters[i].Text, true
}

// instance returns the instance that is meant: the only one of the pod, or that of --template, which names a
// template or an instance; nil if there is none.
func (o *evalOptions) instance(a *offline.Answer) (*inject.Instance, error) {
	var found []*inject.Instance
	var names []string
	for i := range a.Result.Instances {
		in := &a.Result.Instances[i]
		switch {
		case in.Template == nil:
			continue
		case o.template != "" && in.Name == o.template:
			return in, nil
		case o.template == "" || in.Template.Name == o.template || in.Template.OwnName() == o.template:
			found, names = append(found, in), append(names, in.Name)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	return nil, &hinted{fmt.Errorf("the pod requests %d sidecars: %s", len(found), message.List(names)), "--template NAME, with one of these names, says which is meant"}
}

func activationOf(a *offline.Answer, in *inject.Instance, settings *inject.Settings) (expression.Activation, error) {
	activation := expression.Activation{
		Native:        !settings.ContainerMode,
		NamespaceName: a.Namespace.Name, NamespaceLabels: a.Namespace.Labels, NamespaceAnnotations: a.Namespace.Annotations,
		Cluster: settings.Cluster,
	}
	request := inject.Request{Pod: a.Pod.JSON, Owner: inject.OwnerOf(a.Pod.APIVersion, a.Pod.Kind, a.Pod.Name), ClaimVolumes: a.Pod.ClaimVolumes()}
	var err error
	if activation.WorkloadKind, activation.WorkloadName, err = request.Workload(); err != nil {
		return activation, fmt.Errorf("%s: %w", a.Place(""), err)
	}
	seen, err := request.SeenPod()
	if err != nil {
		return activation, fmt.Errorf("%s: %w", a.Place(""), err)
	}
	pod, err := cases.PodOf(seen, a.Namespace.Name)
	if err != nil {
		return activation, fmt.Errorf("%s: %w", a.Place(""), err)
	}
	activation.Pod = pod
	target := ""
	if in != nil {
		activation.Instance = in.Name
		if len(in.Targets) > 0 {
			target = in.Targets[0]
		}
		asInjected(&activation, in.Variables)
	}
	if app := pod.Container(target); app != nil {
		activation.App = app
	}
	return activation, nil
}

// asInjected sets the variables that only the injection knows.
func asInjected(activation *expression.Activation, variables []templates.Variable) {
	activation.Variables = map[string]any{}
	for _, v := range variables {
		name, own := strings.CutPrefix(v.Name, "variables.")
		switch {
		case own && v.Message == "":
			activation.Variables[name] = v.Value
		case v.Name == "index":
			index, _ := v.Value.(int64)
			activation.Index = int(index)
		case v.Name == "native":
			activation.Native, _ = v.Value.(bool)
		}
	}
}
