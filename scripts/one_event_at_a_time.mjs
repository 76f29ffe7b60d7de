// Loaded before a suite (node --import): its WebSockets then tell of one message per turn, as those of browsers do.
// The suites take one message, wait, and only then listen for the next; the package `ws` by itself tells of all that
// came in one read at once, and the suites miss the second.
let current;
Object.defineProperty(globalThis, "WebSocket", {
  configurable: true,
  get: () => current,
  set(given) {
    current = class extends given {
      constructor(url, protocols, options) {
        super(url, protocols, { ...options, allowSynchronousEvents: false });
      }
    };
  },
});
