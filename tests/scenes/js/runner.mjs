// Runs the published JavaScript client for the scenes: one JSON request per line on stdin, one
// answer per line on stdout. Values that JSON cannot carry travel marked: {"$bytes": n},
// {"$floats": [rows, columns]}, {"$callback": name}. The client writes to the console, so the
// console goes to stderr.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { makeService } from "./services.mjs";

for (const level of ["log", "info", "debug", "warn", "error"])
    console[level] = (...words) => process.stderr.write(words.map(String).join(" ") + "\n");

const modules = process.env.HYPHAD_NODE_MODULES;
if (!modules) throw new Error("HYPHAD_NODE_MODULES must name a node_modules folder");
const require = createRequire(join(modules, "runner.cjs"));
if (typeof globalThis.WebSocket === "undefined") globalThis.WebSocket = require("ws").WebSocket;
// The 0.20 clients test values against this browser class.
if (typeof globalThis.ImageData === "undefined") globalThis.ImageData = class ImageData {};
const client = require(
    join(modules, process.env.HYPHA_RPC_PACKAGE, "dist", "hypha-rpc-websocket.js"));
const connectToServer =
    client.connectToServer || client.hyphaWebsocketClient.connectToServer;

const { login, logout } = client.login ? client : client.hyphaWebsocketClient;

const connections = new Map();
const services = new Map();
const callbacks = new Map();
const events = new Map();
const pendings = new Map();

function recorder(box, name) {
    if (!box.has(name)) box.set(name, []);
    return box.get(name);
}

function decode(value) {
    if (Array.isArray(value)) return value.map(decode);
    if (value === null || typeof value !== "object") return value;
    if ("$bytes" in value) return new Uint8Array(value.$bytes).fill(value.fill ?? 7);
    if ("$floats" in value) {
        const n = value.$floats.reduce((a, b) => a * b, 1);
        const bytes = new Uint8Array(Float32Array.from({ length: n }, (_, i) => i % 1000).buffer);
        return { _rtype: "ndarray", _rvalue: bytes, _rshape: value.$floats, _rdtype: "float32" };
    }
    if ("$callback" in value)
        return (...args) => {
            recorder(callbacks, value.$callback).push(args.map(encode));
            if (value.throws) throw new Error(value.throws);
            if (value.never) return new Promise(() => {});
            return value.returns ?? null;
        };
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decode(v)]));
}

function encode(value) {
    if (value === undefined || value === null) return null;
    if (typeof value === "function") return { $function: value.__name__ || value.name || "" };
    if (value instanceof ArrayBuffer) value = new Uint8Array(value);
    if (ArrayBuffer.isView(value)) {
        let sum = 0;
        for (const byte of new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
            sum = (sum * 31 + byte) >>> 0;
        return { $bytes: value.byteLength, sum };
    }
    if (typeof value === "bigint") return Number(value);
    if (value instanceof Error) return { $error: value.message };
    if (value instanceof Map || value instanceof Set) return [...value].map(encode);
    if (Array.isArray(value)) return value.map(encode);
    if (typeof value === "object")
        return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, encode(v)]));
    return value;
}

function member(service, path) {
    let owner = null;
    let at = service;
    for (const part of path.split(".")) {
        owner = at;
        at = at?.[part];
    }
    if (typeof at !== "function") throw new Error(`no function ${path}`);
    return (...args) => at.apply(owner, args);
}

async function until(check, timeoutMs) {
    const end = Date.now() + timeoutMs;
    while (!check()) {
        if (Date.now() > end) throw new Error("condition not met in time");
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
}

const operations = {
    async connect({ conn, config }) {
        const api = await connectToServer(decode(config));
        connections.set(conn, api);
        return { workspace: api.config.workspace, client_id: api.config.client_id,
                 config: encode(api.config), functions: Object.keys(api) };
    },
    async register({ conn, kind, id, config }) {
        const service = makeService(kind, id, config);
        return encode(await connections.get(conn).registerService(service, { overwrite: true }));
    },
    async unregister({ conn, id }) {
        return encode(await connections.get(conn).unregisterService(id));
    },
    async get_service({ conn, id, save, options }) {
        const service = await connections.get(conn).getService(id, decode(options || {}));
        const handle = save || `${conn}:${id}:${services.size}`;
        services.set(handle, service);
        return [handle, encode(service)];
    },
    async manage({ conn, name, args }) {
        return encode(await connections.get(conn)[name](...args.map(decode)));
    },
    async call({ service, path, args }) {
        return encode(await member(services.get(service), path)(...args.map(decode)));
    },
    async begin({ name, service, path, args }) {
        const started = member(services.get(service), path)(...args.map(decode));
        pendings.set(name, started.then(encode));
        pendings.get(name).catch(() => {});
    },
    async finish({ name }) {
        return await pendings.get(name);
    },
    async items({ service, path, args, limit }) {
        const found = [];
        const generator = await member(services.get(service), path)(...args.map(decode));
        for await (const item of generator) {
            found.push(encode(item));
            if (limit && found.length >= limit) break;
        }
        return found;
    },
    async calls({ name, at_least, timeout_ms }) {
        await until(() => recorder(callbacks, name).length >= at_least, timeout_ms || 15000);
        return recorder(callbacks, name);
    },
    async on({ conn, event }) {
        connections.get(conn).on(event, (message) =>
            recorder(events, `${conn}:${event}`).push(encode(message)));
    },
    async events({ conn, event, at_least, timeout_ms }) {
        const box = recorder(events, `${conn}:${event}`);
        await until(() => box.length >= at_least, timeout_ms || 15000);
        return box;
    },
    async emit({ conn, message }) {
        await connections.get(conn).emit(decode(message));
    },
    async cut({ conn }) {
        const { _websocket: socket, _abort_controller: stream } =
            connections.get(conn).rpc._connection;
        if (!socket) stream.abort();
        else if (socket.terminate) socket.terminate();
        else socket.close();
    },
    // The page's address comes as a call of `name`; what the login gives is fetched by finish.
    async login({ name, config }) {
        const show = (context) => { recorder(callbacks, name).push([encode(context)]); };
        pendings.set(name, login({ ...decode(config), login_callback: show }).then(encode));
        pendings.get(name).catch(() => {});
    },
    async logout({ config }) {
        const shown = [];
        await logout({ ...decode(config), logout_callback: (context) => { shown.push(context); } });
        return encode(shown[0]);
    },
    async disconnect({ conn }) {
        await connections.get(conn).disconnect();
        connections.delete(conn);
    },
};

createInterface({ input: process.stdin }).on("line", async (line) => {
    const { n, op, ...fields } = JSON.parse(line);
    let answer;
    try {
        answer = { n, ok: true, result: await operations[op](fields) };
    } catch (error) {
        answer = { n, ok: false, error: String(error?.message ?? error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
}).on("close", () => process.exit(0));
process.on("unhandledRejection", (error) => console.error("unhandled rejection", error));
