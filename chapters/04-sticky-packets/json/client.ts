/**
 * JSON: sends an object in two pieces, two objects at once, and a line that is no JSON.
 *
 *   npm run 04:json:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const serverCommand = 'npm run 04:json:server'
const options = readOptions({
  command: 'npm run 04:json:client',
  does: 'Sends JSON, cut and joined, and prints how the server has read it.',
  flags: { host, port: { ...port(7140), min: 1 } },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

const socket = connect({ port: options.port, host: options.host, noDelay: true })
await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
exitWhenSilent(socket, where, serverCommand)

// #region client
const pieces = [
  '{"order":',
  '42}\n',
  '{"order":43}\n{"order":44}\n',
  'not JSON\n',
  '{"order":45}\n',
]
const { frames, end } = framed(socket, lines())
let sentBytes = 0
sendNext()
try {
  for await (const answer of frames) {
    if (answer !== `read ${sentBytes} bytes`) console.log(`  ${answer}`)
    // The server has read this piece alone. Now the next one.
    else if (pieces.length > 0) sendNext()
    else {
      await end()
      socket.destroy()
      process.exit(0)
    }
  }
} catch (error) {
  exitLost(error as Error, where)
}
exitUnknown(where, serverCommand)

function sendNext(): void {
  const piece = pieces.shift()!
  socket.write(piece)
  sentBytes += Buffer.byteLength(piece)
  console.log(`sent ${piece.replaceAll('\n', '\\n')}`)
}
// #endregion client
