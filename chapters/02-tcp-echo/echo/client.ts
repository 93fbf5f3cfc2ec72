/**
 * Echo client: standard input goes to the server, what comes back goes to standard output.
 *
 *   npm run 02:client                    type lines; Ctrl-D says "I have nothing more to send"
 *   echo hi | npm run -s 02:client       as a part of a pipe
 */
import { connect } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitUnknown,
  exitWhenEnded,
  noticeWhenSilent,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 02:client',
  does: 'Echo client: sends standard input to the server and prints what comes back.',
  flags: {
    host,
    port: { ...port(7020), min: 1 },
    message: { default: '', help: 'send this line instead of standard input' },
  },
})
const where = endpoint(options.host, options.port)

// #region client
const socket = connect(options.port, options.host, () => {
  // end() sends a FIN after the last byte: the server learns that no more is to come, and can
  // still answer. pipe() calls it when standard input ends.
  if (options.message) socket.end(`${options.message}\n`)
  else process.stdin.pipe(socket)
})
socket.pipe(process.stdout)
// #endregion client

let connected = false
socket.once('connect', () => {
  connected = true
})
socket.on('error', error => {
  if (!connected) exitCannotConnect(error, where, 'npm run 02:server')
  exitLost(error, where)
})
exitWhenEnded(socket, where, 'npm run 02:server')
noticeWhenSilent(socket, where, 'npm run 02:server')
socket.on('close', () => {
  process.stdin.destroy()
  const missing = socket.bytesWritten - socket.bytesRead
  if (missing === 0) return
  if (missing < 0) exitUnknown(where, 'npm run 02:server')
  console.error(
    `the server closed before ${missing} of ${plural(socket.bytesWritten, 'byte')} came back`,
  )
  process.exitCode = 1
})

// `npm run -s 02:client | head -1` closes our standard output while we are still writing.
process.stdout.on('error', () => process.exit(0))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
