/**
 * Chat client: your lines go to the others, theirs come to you.
 *
 *   npm run 02:chat:client     type lines; Ctrl-D leaves
 */
import { connect } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, noticeWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 02:chat:client',
  does: 'Sends the lines of standard input to the chat and prints what the others say.',
  flags: { host, port: { ...port(7022), min: 1 } },
})
const where = endpoint(options.host, options.port)

const socket = connect(options.port, options.host, () => process.stdin.pipe(socket))
socket.pipe(process.stdout)
noticeWhenSilent(socket, where, 'npm run 02:chat:server')

let connected = false
socket.once('connect', () => {
  connected = true
})
socket.on('error', error => {
  if (!connected) exitCannotConnect(error, where, 'npm run 02:chat:server')
  exitLost(error, where)
})
socket.on('close', () => {
  if (!process.stdin.readableEnded) {
    console.error('the server ended the conversation')
    process.exitCode = 1
  }
  process.stdin.destroy() // nobody reads what is typed from now on
})
process.stdout.on('error', () => process.exit(0))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
