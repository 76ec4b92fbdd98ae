// The engine as WebAssembly, beside the page, so that typing never waits for it.
"use strict";

importScripts("wasm_exec.js");

/** Called by the engine once it answers. */
self.engineReady = (answer) => {
  self.onmessage = ({data}) => self.postMessage({reply: answer(data.request)});
  self.postMessage({reply: ""});
};

/** Called by the engine when it cannot start. */
self.engineFailed = (why) => self.postMessage({error: `The engine cannot start: ${why}`});

async function start() {
  const response = await fetch("engine.wasm.gz");
  if (!response.ok) {
    throw new Error(`engine.wasm.gz: ${response.status} ${response.statusText}`);
  }
  const go = new Go();
  const {instance} = await WebAssembly.instantiateStreaming(
    new Response(await unpacked(counted(response)), {headers: {"Content-Type": "application/wasm"}}), go.importObject);
  // It ends only if something went wrong.
  await go.run(instance);
  self.postMessage({error: "The engine ended. Reload the page."});
}

/** Tells how much has arrived. */
function counted(response) {
  let arrived = 0, told = 0;
  return response.body.pipeThrough(new TransformStream({
    transform(chunk, controller) {
      arrived += chunk.length;
      if (arrived - told > 1 << 20) {
        told = arrived;
        self.postMessage({progress: `The engine arrives: ${(arrived / (1 << 20)).toFixed(0)} MB`});
      }
      controller.enqueue(chunk);
    },
  }));
}

/** Some web servers unpack .gz files themselves. */
async function unpacked(stream) {
  const [head, body] = stream.tee();
  const reader = head.getReader();
  const {value} = await reader.read();
  reader.cancel();
  return value[0] === 0x1f && value[1] === 0x8b ? body.pipeThrough(new DecompressionStream("gzip")) : body;
}

start().catch((error) => self.postMessage({error: `The engine cannot be loaded: ${error.message}. Reload the page.`}));
