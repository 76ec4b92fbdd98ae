package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
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
	cmd.Flags().StringVar(&o.template, "template", "", "`name` of the template whose parameters are meant")
	cmd.Flags().StringVarP(&o.output, "output", "o", outputText, "text, json or yaml")
	complete(cmd, "output", outputText, outputJSON, outputYAML)
	_ = cmd.RegisterFlagCompletionFunc("template", func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return o.completeTemplate(cmd, nil, typed) // args would suppress it
	})
	return cmd
}

func (o *evalOptions) eval(cmd *cobra.Command, text string, std streams) error {
	if o.output != outputText && o.output != outputJSON && o.output != outputYAML {
		return &hinted{fmt.Errorf("-o %q: want %s, %s or %s", o.output, outputText, outputJSON, outputYAML), seeHelp(cmd)}
	}
	parameters, variables, err := o.variables(std)
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
	tried, fault := parameters.Try(scanned, variables)
	if fault != nil {
		if variables.Instance == "" && strings.HasPrefix(fault.Message, "parameter ") {
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
	if _, err := fmt.Fprintln(std.Out, terminal.Palette{}.Printable(strings.TrimSuffix(value, "\n"))); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	fmt.Fprintf(std.ErrOut, "type: %s\ncost: %d of the %d units that an expression may take\n", tried.Type, tried.Cost, expression.ExpressionLimit)
	return nil
}

func (o *evalOptions) structured(tried templates.Tried, std streams) error {
	out := map[string]any{"type": tried.Type, "cost": tried.Cost}
	if tried.Present {
		out["value"] = tried.Value
	}
	text, err := structured(o.output, out)
	if err != nil {
		return err
	}
	if _, err := std.Out.Write(text); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

// valueText returns a string as it is, and any other value as YAML.
func valueText(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("value: %w", err)
	}
	text, err = manifest.YAML(text)
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

// variables returns the parameters and variables that the pod, and the sidecar that it requests, provide to
// expressions.
func (o *evalOptions) variables(std streams) (templates.Parameters, expression.Activation, error) {
	var none templates.Parameters
	if len(o.names) == 0 {
		o.names, std.In = []string{"-"}, strings.NewReader(cases.PlainPod)
	}
	l, err := o.load(std)
	if err != nil {
		return none, expression.Activation{}, err
	}
	if len(l.Pods) != 1 {
		return none, expression.Activation{}, &hinted{fmt.Errorf("the input holds %d pods and workloads, want 1", len(l.Pods)), "give one at a time"}
	}
	answers, err := l.Answers()
	if err != nil {
		return none, expression.Activation{}, err
	}
	a := &answers[0]
	in := o.instance(a)
	chosen := templates.Entry{}
	switch {
	case in != nil:
		chosen.Template = in.Template
	case o.template != "":
		if chosen, err = o.lookup(l.Set, o.template); err != nil {
			return none, expression.Activation{}, err
		}
		if chosen.Template == nil {
			return none, expression.Activation{}, &answerNo{findingsOf(chosen)}
		}
	}
	activation, err := activationOf(a, in, l.Settings)
	if err != nil || chosen.Template == nil {
		return none, activation, err
	}
	if activation.Instance == "" {
		activation.Instance = chosen.Template.Name
	}
	parameters, _ := chosen.Template.Bind(func(name string) (string, bool) { return given(in, name) })
	return parameters, activation, nil
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

// instance returns the only instance of the pod, or the only one of --template; nil if there is none or
// several.
func (o *evalOptions) instance(a *offline.Answer) *inject.Instance {
	var found []*inject.Instance
	for i := range a.Result.Instances {
		in := &a.Result.Instances[i]
		if in.Template != nil && (o.template == "" || in.Template.Name == o.template || in.Template.OwnName() == o.template) {
			found = append(found, in)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

func activationOf(a *offline.Answer, in *inject.Instance, settings *inject.Settings) (expression.Activation, error) {
	activation := expression.Activation{
		Native:        !settings.ContainerMode,
		NamespaceName: a.Namespace.Name, NamespaceLabels: a.Namespace.Labels, NamespaceAnnotations: a.Namespace.Annotations,
		Cluster:      settings.Cluster,
		WorkloadKind: a.Pod.Kind, WorkloadName: a.Pod.Name,
	}
	pod, err := cases.PodOf(a.Pod.JSON, a.Namespace.Name)
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
	}
	if app := pod.Container(target); app != nil {
		activation.App = app
	}
	return activation, nil
}
