// Preloaded where Node has no WebSocket of its own (before 22), which the README's blocks count on.
const { join } = require("node:path");

if (typeof globalThis.WebSocket === "undefined")
    globalThis.WebSocket = require(join(process.env.HYPHAD_NODE_MODULES, "ws")).WebSocket;
