/** Preloaded: every socket of the program takes 20 ms longer over each thing that comes. */
import dgram from 'node:dgram'
import net from 'node:net'

const NEVER = new Int32Array(new SharedArrayBuffer(4))
const SLOW_MS = 20

for (const [prototype, event] of [
  [net.Socket.prototype, 'data'],
  [dgram.Socket.prototype, 'message'],
  [net.Server.prototype, 'connection'],
] as const) {
  const { emit } = prototype
  Object.defineProperty(prototype, 'emit', {
    value(this: object, name: string, ...args: unknown[]): unknown {
      if (name === event) Atomics.wait(NEVER, 0, 0, SLOW_MS)
      return Reflect.apply(emit, this, [name, ...args])
    },
    configurable: true,
    writable: true,
  })
}
