export * from "../codemirror.mjs";
