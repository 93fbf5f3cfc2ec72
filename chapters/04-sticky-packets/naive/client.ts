/**
 * Naive: five requests in one write, then one request in two writes.
 *
 *   npm run 04:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitUnknown,
  exitWhenEnded,
  exitWhenSilent,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 04:client',
  does: 'Shows how a server fails that takes one data event for one request.',
  flags: { host, port: { ...port(7040), min: 1 } },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 04:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
// Nothing unusual: requests that are sent in quick succession leave together.
const requests = ['one ', 'two ', 'three ', 'four ', 'five']
await converse('5 requests', async socket => {
  socket.write(requests.join(''))
})

// Nothing unusual either: a long request, or a slow line, and the beginning arrives alone.
await converse('1 request', async socket => {
  socket.write('hel')
  await once(socket, 'data')
  socket.write('lo')
})

async function converse(what: string, send: (socket: Socket) => Promise<void>): Promise<void> {
  const socket = await open()
  const answers: string[] = []
  socket.on('data', answer => answers.push(JSON.stringify(answer.toString())))
  await send(socket)
  socket.end()
  await once(socket, 'end')
  if (answers.length === 0) exitUnknown(where, serverCommand)
  const count = plural(answers.length, 'answer')
  console.log(`${what}: ${count} ${answers.join(' ')}`)
}
// #endregion client

async function open(): Promise<Socket> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where))
  exitWhenEnded(socket, where, serverCommand)
  exitWhenSilent(socket, where, serverCommand)
  return socket
}
