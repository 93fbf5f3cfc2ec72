/**
 * Split UTF-8: sends a word in two pieces, cut inside a character.
 *
 *   npm run 04:split-utf8:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const serverCommand = 'npm run 04:split-utf8:server'
const options = readOptions({
  command: 'npm run 04:split-utf8:client',
  does: 'Sends a word in two pieces and prints how the server has read it.',
  flags: {
    host,
    port: { ...port(7047), min: 1 },
    word: { default: 'żółw', required: true, help: 'what to send' },
    cut: { default: 3, min: 1, max: 1000, help: 'after how many bytes to cut it' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

const socket = connect(options.port, options.host)
await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))

// #region client
const { frames, end } = framed(socket, lines())
const bytes = Buffer.from(`${options.word}\n`)
let complete = false
socket.setTimeout(5000, () => exitUnknown(where, serverCommand))
const [first, second] = [bytes.subarray(0, options.cut), bytes.subarray(options.cut)]
socket.write(first)
console.log(`sent ${first.length} bytes ${first.toString('hex')}`)
try {
  for await (const answer of frames) {
    console.log(answer)
    if (answer === `read ${bytes.length} bytes`) {
      complete = true
      await end()
    } else if (answer === `read ${first.length} bytes`) {
      // The server has seen the first piece alone. Now the rest.
      socket.write(second)
      console.log(`sent ${second.length} bytes ${second.toString('hex')}`)
    }
  }
} catch (error) {
  exitLost(error as Error, where)
}
if (!complete) exitUnknown(where, serverCommand)
// #endregion client
