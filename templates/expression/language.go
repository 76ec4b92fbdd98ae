package expression

import (
	"fmt"
	"slices"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// longestExpression is the maximum length of an expression in characters. Operations on constants can
// multiply the size of a source.
const longestExpression = 8192

// language is the part that all Environments share. It is immutable.
type language struct {
	env       *cel.Env
	variables map[string]*schema.Schema // without params and variables
	elements  map[string]*schema.Schema // schemas of each, by type name
	objects   map[string]*schema.Schema // objects within the variables, by type name
	functions []string                  // names as called, sorted
	options   []cel.ProgramOption
}

// theLanguage returns the language, built on first use: building takes milliseconds.
var theLanguage = sync.OnceValue(newLanguage)

func newLanguage() *language {
	// The Kubernetes version whose CEL library was last reviewed: a newer one may add functions of unknown
	// cost.
	base := environment.MustBaseEnvSet(version.MajorMinor(1, 37)).StoredExpressionsEnv()
	variables := variableSchemas()
	provider := newProvider(base.CELTypeProvider(), variables)
	elements := elementSchemas(provider.objects)
	provider.add(elements[entryType])
	options := []cel.EnvOption{
		cel.CustomTypeProvider(provider),
		declareOrdered(),
		cel.Macros(
			cel.ReceiverMacro("optMap", 2, optionalMacro(false)),
			cel.ReceiverMacro("optFlatMap", 2, optionalMacro(true)),
		),
		cel.ParserExpressionSizeLimit(longestExpression),
		cel.VariableDecls(
			decls.NewVariable(paramsVariable, cel.ObjectType(paramsVariable)),
			decls.NewVariable(variablesVariable, cel.ObjectType(variablesVariable)),
		),
		ext.Encoders(ext.EncodersVersion(1)),
	}
	for name, s := range variables {
		options = append(options, cel.Variable(name, celType(s)))
	}
	for _, s := range elements {
		options = append(options, cel.Variable(typedEach(s), celType(s)))
	}
	env, err := base.Extend(options...)
	if err != nil {
		// The declarations are constants of the program: an error is a bug.
		panic(fmt.Sprintf("expression language: %v", err))
	}
	l := &language{env: env, variables: variables, elements: elements, objects: provider.objects}
	for name := range env.Functions() {
		if nameStart(name[0]) {
			l.functions = append(l.functions, name)
		}
	}
	slices.Sort(l.functions)
	l.options = []cel.ProgramOption{
		cel.CostLimit(ExpressionLimit),
		cel.CostTracking(newCosts(env)),
		guard(env),
	}
	return l
}
