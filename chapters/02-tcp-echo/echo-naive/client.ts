/**
 * Breaks the naive echo server twice: by not reading, and by a reset.
 *
 *   npm run 02:echo-naive:client
 *   npm run 02:echo-naive:client -- --port 7020     the same against the good server
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitTooEarly, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 02:echo-naive:client',
  does: 'Sends without reading, then resets a connection, and looks at what becomes of the server.',
  flags: {
    host,
    port: { ...port(7021), min: 1 },
    mib: { default: 32, min: 16, max: 1024, help: 'how much to send without reading, in MiB' },
  },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 02:echo-naive:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

const witness = await open()
witness.resume()
let hasReset = false
const witnessGone = new Promise<void>(resolve => {
  witness.once('close', () => {
    if (!hasReset) exitTooEarly(where, serverCommand)
    resolve()
  })
})
witness.on('error', () => {}) // its `close` follows, and that is what counts here

// #region not-reading
const sender = await open()
sender.pause()
sender.on('error', error => exitLost(error, where))
const chunk = Buffer.alloc(65536, 'x')
let accepted = 0
while (accepted < options.mib * 2 ** 20) {
  accepted += chunk.length
  // A server with back-pressure stops reading when we do: then no `drain` comes any more.
  if (!sender.write(chunk) && (await drainOrStall(sender)) === 'stall') break
}
const taken = accepted - sender.writableLength
console.log(`sent ${taken} bytes, read 0: ${verdict(taken)}`)
// #endregion not-reading

// #region reset
hasReset = true
sender.resetAndDestroy()
// A server that survives the reset answers; one that does not takes the witness with it.
witness.write('are you there?')
exitWhenSilent(witness, where, serverCommand)
const answered = new Promise(resolve => witness.once('data', () => resolve('answers')))
const answer = await Promise.race([answered, witnessGone])
if (answer === 'answers') console.log('witness gets its answer: the server survived the reset')
else console.log('witness lost its connection: one reset has ended the server')
// #endregion reset
witness.destroy()

function verdict(bytes: number): string {
  if (bytes >= options.mib * 2 ** 20) return 'the server took it all'
  return 'then the server stopped reading, and TCP held us back'
}

/** Waits for `drain`, or until two looks, half a second apart, have found no byte gone. */
async function drainOrStall(socket: Socket): Promise<'drain' | 'stall'> {
  const stall = new AbortController()
  let before = socket.writableLength
  let looks = 0
  const timer = setInterval(() => {
    looks = socket.writableLength === before ? looks + 1 : 0
    if (looks === 2) stall.abort()
    before = socket.writableLength
  }, 500)
  try {
    await once(socket, 'drain', { signal: stall.signal })
    return 'drain'
  } catch {
    return 'stall'
  } finally {
    clearInterval(timer)
  }
}

async function open(): Promise<Socket> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  return socket
}
