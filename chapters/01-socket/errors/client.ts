/**
 * Errors: what connect() and listen() fail with, and the cure for each.
 *
 *   npm run 01:errors:client     with npm run 01:errors:server in another terminal
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 01:errors:client',
  does: 'Provokes the errors of connect() and listen(), and prints the cure for each.',
  flags: { host, port: { ...port(7013), min: 1 } },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// Takes its local port explicitly, so that the same one can be asked for again.
const localPort = await freePort()
const good = connect({ port: options.port, host: options.host, localPort })
await once(good, 'connect').catch(error =>
  exitCannotConnect(error, where, 'npm run 01:errors:server'),
)
good.on('error', error => exitLost(error, where))

// #region errors
await show(
  'connect to a port where nobody listens',
  'start the server, or correct the port',
  async () => connected(connect(await freePort(), options.host)),
)
await show('listen on a port that has a listener', 'stop that process, or take port 0', () =>
  listening(options.port, options.host),
)
// Addresses that belong to nobody: RFC 5737 and RFC 3849 keep them for documentation.
const foreign = options.host.includes(':') ? '2001:db8::1' : '192.0.2.1'
await show("listen on an address that is not this machine's", 'listen on 127.0.0.1 or ::', () =>
  listening(0, foreign),
)
await show("connect from an address that is not this machine's", 'leave localAddress out', () =>
  connected(connect({ port: options.port, host: options.host, localAddress: foreign })),
)
await show('connect with a five-tuple that is in use', 'leave localPort out', () =>
  connected(connect({ port: options.port, host: options.host, localPort })),
)
await show('connect to port 70000', 'ports end at 65535; check the number before', () =>
  connected(connect(70000, options.host)),
)
// #endregion errors
good.destroy()

async function show(what: string, cure: string, attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt()
    console.log(`no error: ${what}`)
  } catch (error) {
    console.log(`${(error as NodeJS.ErrnoException).code}: ${what}. Cure: ${cure}`)
  }
}

async function connected(socket: Socket): Promise<void> {
  await once(socket, 'connect').finally(() => socket.destroy())
}

async function listening(port: number, address: string): Promise<void> {
  const server = createServer().listen(port, address)
  await once(server, 'listening').finally(() => server.close())
}

/** A port that was free a moment ago: where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, options.host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
