//go:build js && wasm

// Command wasm is the playground's engine for a page without a server. It gives the page one function from
// a Request to an Answer, both as JSON.
package main

import (
	"context"
	"syscall/js"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

func main() {
	given, err := playground.BuiltIn()
	if err != nil {
		js.Global().Call("engineFailed", err.Error())
		return
	}
	engine := playground.NewEngine(given, &inject.Settings{})
	js.Global().Call("engineReady", js.FuncOf(func(_ js.Value, arguments []js.Value) any {
		return string(engine.AnswerJSON(context.Background(), []byte(arguments[0].String())))
	}))
	select {} // keep the function available to the page
}
