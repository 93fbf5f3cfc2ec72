/**
 * Bytes in flight: reads only after the server has closed, and reports what was still to be had.
 *
 *   npm run 02:in-flight:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitWhenEnded,
  exitWhenSilent,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 02:in-flight:client',
  does: 'Shows which bytes survive a close and which do not.',
  flags: { host, port: { ...port(7025), min: 1 } },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 02:in-flight:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const control = exitWhenSilent(await open(), where, serverCommand)
const commands = [
  'write and destroy',
  'destroy unread',
  'write and reset',
  'write little and reset',
]
for (const command of commands) {
  const accepted = once(control, 'data')
  const socket = connect(options.port, options.host)
  socket.pause() // before it is connected: the bytes will wait in our kernel until we look
  const gone = new Promise(done => socket.once('close', done))
  let how = 'no end'
  socket.on('end', () => {
    how = 'end'
  })
  socket.on('error', (error: SocketError) => {
    how = `${error.code}`
  })
  const connected = once(socket, 'connect')
  await Promise.all([connected, accepted]).catch(error =>
    exitCannotConnect(error, where, serverCommand),
  )
  if (command === 'destroy unread') await new Promise(done => socket.write('hello', done))

  const closed = once(control, 'data')
  control.write(command)
  await closed
  socket.resume()
  await gone
  console.log(`${command}: got ${plural(socket.bytesRead, 'byte')}, then ${how}`)
}
control.end()
// #endregion client

async function open(): Promise<Socket> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where))
  exitWhenEnded(socket, where, serverCommand)
  return socket
}
