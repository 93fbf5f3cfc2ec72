/**
 * Oversize: says "here come 4 GiB", to a server with a limit and to one without.
 *
 *   npm run 04:oversize:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 04:oversize:client',
  does: 'Forges a length, and shows what a limit is good for.',
  flags: {
    host,
    port: { ...port(7048), min: 1 },
    mib: { default: 16, min: 1, max: 32, help: 'how much to send after the forged length' },
  },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 04:oversize:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const asked = exitWhenSilent(await open(options.port), where, serverCommand)
const { frames, send } = framed(asked, lengthPrefix())
const answer = await send(Buffer.from('who are you?'))
  .then(() => frames[Symbol.asyncIterator]().next())
  .catch(error => exitLost(error, where))
const unlimitedPort = Number(/the other is at port (\d+)$/.exec(`${answer.value}`)?.[1])
if (!unlimitedPort) exitUnknown(where, serverCommand)
asked.destroy()

console.log(`with a limit: ${await forge(await open(options.port))}`)
console.log(`without one:  ${await forge(await open(unlimitedPort))}`)

/** Four bytes that promise 4 GiB, and then as much as the server takes. */
async function forge(socket: Socket): Promise<string> {
  const gone = new Promise<string>(resolve => {
    socket.on('error', () => resolve('closed the connection'))
    socket.once('end', () => resolve('closed the connection'))
  })
  socket.resume()
  socket.write(Buffer.of(0xff, 0xff, 0xff, 0xff))
  return Promise.race([gone, pour(socket)])
}

async function pour(socket: Socket): Promise<string> {
  const chunk = Buffer.alloc(2 ** 16)
  for (let sent = 0; sent < options.mib * 2 ** 20; sent += chunk.length) {
    await new Promise<void>(done => socket.write(chunk, () => done()))
    if (socket.destroyed) return 'closed the connection'
  }
  socket.end()
  return `took ${options.mib} MiB, and waits for the rest`
}
// #endregion client

async function open(port: number): Promise<Socket> {
  const socket = connect(port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  return socket
}
