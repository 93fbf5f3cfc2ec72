/**
 * Heartbeat: a slow server is alive, a stuck one is not; and a silent client is hung up on.
 *
 *   npm run 05:heartbeat:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitUnknown, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'
import { checkTimes, watchOver } from './heartbeat.ts'

const options = readOptions({
  command: 'npm run 05:heartbeat:client',
  does: 'Shows who is taken for dead, and after how long.',
  flags: {
    host,
    port: { ...port(7051), min: 1 },
    'interval-ms': { default: 100, min: 10, max: 60_000, help: 'time between two pings' },
    'timeout-ms': { default: 600, min: 20, max: 3000, help: 'so long a peer may be silent' },
  },
  check: checkTimes,
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const codec = lengthPrefix({ prefixBytes: 2, maxFrameBytes: 1024 })
const times = { intervalMs: options['interval-ms'], timeoutMs: options['timeout-ms'] }
const { timeoutMs } = times
const serverCommand = 'npm run 05:heartbeat:server'

console.log(`slow server: ${await talk(`work ${2 * timeoutMs}`)}`)
console.log(`silent client: ${await talk('', { silent: true })}`)
console.log(`stuck server: ${await talk(`block ${3 * timeoutMs}`)}`)

/** Has a conversation, and returns how it ended. */
async function talk(request: string, { silent = false } = {}): Promise<string> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  exitWhenSilent(socket, where, serverCommand)
  const { frames, send } = framed(socket, codec)
  const startMs = performance.now()
  const since = () => `${Math.round(performance.now() - startMs)} ms`
  const say = (text: string) => send(Buffer.from(text)).catch(() => {})
  let gaveUp = ''
  if (!silent) {
    watchOver(socket, times, {
      ping: () => say('ping'),
      silence() {
        gaveUp = `I gave up after ${since()}`
        socket.destroy()
      },
    })
  }
  if (request !== '') await say(request)
  let pings = 0
  try {
    for await (const frame of frames) {
      const text = frame.toString()
      if (text === 'ping') pings++
      if (text === 'ping' && !silent) await say('pong')
      if (text.startsWith('done'))
        return `answer after ${since()}, ${plural(pings, 'ping')} meanwhile`
    }
  } catch {
    // Lost, by our own doing or by the server's.
  } finally {
    socket.destroy()
  }
  if (!gaveUp && !silent && pings === 0) exitUnknown(where, serverCommand)
  return gaveUp || `the server hung up after ${since()} and ${plural(pings, 'ping')}`
}
// #endregion client
