// A link holds what stands in the editors, in the fragment, which browsers send to nobody. What a
// link holds is a stranger's: it becomes text in the editors and nothing else.

const version = "v1";
/** The longest fragment that is read or made, in characters; browsers and chats cut longer links. */
const longestLink = 64 * 1024;
/** The most that a link may unpack to, in bytes. */
const largest = 4 << 20;

/** @typedef {{pod: string, namespace: string, templates: string}} Texts */

/** A sentence for whoever opened the link. */
export class LinkError extends Error {}

/**
 * The fragment for the texts, with its #.
 * @param {Texts} texts
 * @returns {Promise<string>}
 */
export async function encode(texts) {
  const packed = await through(new Blob([JSON.stringify(texts)]).stream(), new CompressionStream("deflate-raw"), Infinity);
  const fragment = `#${version}=${toBase64(packed)}`;
  if (fragment.length > longestLink) {
    throw new LinkError(`A link with this text would have ${fragment.length} characters, and many programs cut links of more than ${longestLink}: shorten the text, or send the files.`);
  }
  return fragment;
}

/**
 * The texts that a fragment holds; null without one.
 * @param {string} fragment
 * @returns {Promise<Texts | null>}
 */
export async function decode(fragment) {
  if (fragment === "" || fragment === "#") {
    return null;
  }
  const [name, value] = split(fragment.slice(1));
  if (name !== version) {
    throw new LinkError("This link was made for another version of the page, or is none of its links.");
  }
  if (fragment.length > longestLink) {
    throw new LinkError("This link is longer than any that the page makes.");
  }
  let text;
  try {
    const packed = new Blob([fromBase64(value)]).stream();
    text = new TextDecoder("utf-8", {fatal: true}).decode(await through(packed, new DecompressionStream("deflate-raw"), largest));
  } catch (error) {
    if (error instanceof LinkError) {
      throw error;
    }
    throw new LinkError("This link is cut or damaged: copy it whole.");
  }
  return texts(text);
}

/**
 * @param {string} text
 * @returns {[string, string]}
 */
function split(text) {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/**
 * Takes nothing but the three texts.
 * @param {string} text
 * @returns {Texts}
 */
function texts(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new LinkError("This link is cut or damaged: copy it whole.");
  }
  const found = {pod: value?.pod, namespace: value?.namespace, templates: value?.templates};
  if (Object.values(found).some((text) => typeof text !== "string")) {
    throw new LinkError("This link holds something other than the page's texts.");
  }
  return found;
}

/**
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream
 * @param {CompressionStream | DecompressionStream} transform
 * @param {number} limit
 */
async function through(stream, transform, limit) {
  const chunks = [];
  let size = 0;
  for await (const chunk of readable(stream.pipeThrough(transform))) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limit) {
      throw new LinkError("This link unpacks to more than the page takes.");
    }
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/**
 * Not every browser can iterate over a stream itself.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream
 */
async function* readable(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const {done, value} = await reader.read();
      if (done) {
        return;
      }
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** @param {Uint8Array} bytes */
function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {string} text */
function fromBase64(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}
