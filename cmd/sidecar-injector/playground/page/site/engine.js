// The engine answers requests: on the server that gave the page, or, without one, as WebAssembly in
// a worker. Both take the same request and give the same answer.

/** How long an answer may take, in milliseconds. */
const patience = 10_000;
/** How long the engine may take to arrive and start. */
const loading = 120_000;

/** Whether the program serves the page, at an address of its own each time it runs. */
export const served = document.querySelector('meta[name="playground"]')?.getAttribute("content") === "served";

/** A sentence for whoever waits for an answer. */
export class EngineError extends Error {}

/**
 * The engine that the page has.
 * @param {(sentence: string) => void} progress is told while the engine arrives
 */
export function newEngine(progress) {
  return served ? new ServedEngine() : new WorkerEngine(progress);
}

class ServedEngine {
  /** @param {import("../types/answer.js").Request} request */
  async answer(request) {
    let response;
    try {
      response = await fetch("answer", {
        method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify(request),
        signal: AbortSignal.timeout(patience),
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === "TimeoutError") {
        throw new EngineError(tooLong);
      }
      throw new EngineError(gone);
    }
    if (!response.ok) {
      throw new EngineError((await response.text()).trim());
    }
    return await response.json();
  }
}

const gone = "sidecar-injector playground does not answer: has it ended? Start it again, and open the address that it prints.";
const tooLong = `The answer took longer than ${patience / 1000} s and was stopped: shorten the texts.`;

class WorkerEngine {
  /** @type {Promise<Worker> | null} */
  #worker = null;
  #progress;

  /** @param {(sentence: string) => void} progress */
  constructor(progress) {
    this.#progress = progress;
    this.#ready().catch(() => {}); // whoever asks is told
  }

  /**
   * @param {import("../types/answer.js").Request} request
   * @returns {Promise<import("../types/answer.js").Answer>}
   */
  async answer(request) {
    const worker = await this.#ready();
    try {
      const text = await reply(worker, patience, tooLong, () => worker.postMessage({request: JSON.stringify(request)}));
      return JSON.parse(text);
    } catch (error) {
      worker.terminate();
      this.#worker = null;
      throw error;
    }
  }

  #ready() {
    this.#worker ??= this.#start();
    return this.#worker;
  }

  async #start() {
    const worker = new Worker("worker.js");
    worker.addEventListener("message", ({data}) => {
      if (data.progress) {
        this.#progress(data.progress);
      }
    });
    try {
      await reply(worker, loading, "The engine did not start within two minutes: reload the page.", () => {});
    } catch (error) {
      worker.terminate();
      this.#worker = null;
      throw error;
    }
    return worker;
  }
}

/**
 * The worker's next reply.
 * @param {Worker} worker
 * @param {number} limit
 * @param {string} late
 * @param {() => void} send
 * @returns {Promise<string>}
 */
function reply(worker, limit, late, send) {
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const timer = setTimeout(() => finish(() => reject(new EngineError(late))), limit);
    /** @param {() => void} settle */
    const finish = (settle) => {
      clearTimeout(timer);
      done.abort();
      settle();
    };
    worker.addEventListener("message", ({data}) => {
      if (data.error) {
        finish(() => reject(new EngineError(data.error)));
      } else if (data.reply !== undefined) {
        finish(() => resolve(data.reply));
      }
    }, {signal: done.signal});
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      finish(() => reject(new EngineError(`The engine failed: ${event.message || "its file cannot be read"}. Reload the page.`)));
    }, {signal: done.signal});
    send();
  });
}

/**
 * What the server read of the cluster.
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function cluster(path) {
  let response;
  try {
    response = await fetch(`cluster/${path}`, {signal: AbortSignal.timeout(60_000)});
  } catch (error) {
    throw new EngineError(error instanceof DOMException && error.name === "TimeoutError" ? "The cluster did not answer within a minute." : gone);
  }
  if (!response.ok) {
    throw new EngineError((await response.text()).trim());
  }
  return await response.json();
}
