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

// longestExpression bounds one expression, in characters. What needs more is a
// program, not a template; and constants in a text can multiply.
const longestExpression = 8192

// language is what all environments share. It is immutable.
type language struct {
	env       *cel.Env
	variables map[string]*schema.Schema // without params and variables
	elements  map[string]*schema.Schema // what each can be, by type
	objects   map[string]*schema.Schema // within the variables, by type
	functions []string                  // names as called, sorted
	options   []cel.ProgramOption
}

// theLanguage builds the shared part once: it takes milliseconds and holds no state.
var theLanguage = sync.OnceValue(newLanguage)

func newLanguage() *language {
	// The version at which the library of Kubernetes was last looked through: a
	// newer one may add functions whose cost is not known here.
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
		// The declarations are constants of this program.
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
