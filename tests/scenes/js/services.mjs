// The services that JavaScript providers offer in the scenes.

async function* count(n) {
    for (let i = 0; i < n; i++) yield i;
}

async function* stuck() {
    yield 0;
    await new Promise(() => {});
}

const kinds = {
    calc: () => ({
        name: "Calc",
        description: "Functions that scenes call.",
        add: (a, b) => a + b,
        add_later: async (a, b) => a + b,
        echo: (value) => value,
        nothing: () => null,
        constant: 5,
        text: "fixed",
        nested: { deep: { negate: (x) => -x }, flag: true },
        boom: async () => { throw new Error("jsboom"); },
        boom_now: () => { throw new Error("jsboom-now"); },
        count: (n) => count(n),
        notify: async (callback, n) => {
            for (let i = 0; i < n; i++) await callback(i);
            return "done";
        },
        apply: async (callback, value) => await callback(value),
        size: (data) => data.byteLength ?? data.length,
        blob: (n) => new Uint8Array(n).fill(9),
        stuck: () => stuck(),
        never: () => new Promise(() => {}),
    }),
    context: () => ({
        config: { require_context: true },
        who: (context) => ({ ws: context.ws, from: context.from, to: context.to,
                             user: context.user, kind: context.connection_type }),
        seen: (value, context) => ({ value, from: context.from }),
    }),
};

export function makeService(kind, id, config) {
    const service = kinds[kind]();
    return { ...service, id, config: { ...(service.config || {}), ...(config || {}) } };
}
