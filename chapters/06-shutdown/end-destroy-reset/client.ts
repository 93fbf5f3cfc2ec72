/**
 * end, destroy, resetAndDestroy, seen from the other side: what comes, and what a write still does.
 *
 *   npm run 06:end-destroy-reset:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitUnknown,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 06:end-destroy-reset:client',
  does: 'Shows what the peer sees of each way to leave.',
  flags: { host, port: { ...port(7062), min: 1 } },
})
const serverCommand = 'npm run 06:end-destroy-reset:server'
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const control = await open()
control.on('error', error => exitLost(error, where)).on('end', exitUnanswered)
const limit = setTimeout(exitUnanswered, 15_000)
for (const input of ['read', 'unread']) {
  for (const way of ['end', 'destroy', 'resetAndDestroy']) {
    const accepted = answer('accepted')
    const socket = await open()
    const seen = new Promise<string>(resolve => {
      socket.once('end', () => resolve('end'))
      socket.on('error', ({ code }: SocketError) => resolve(`${code}`))
    })
    await accepted
    socket.resume()
    await write(socket, 'hello') // now these bytes are in the server's kernel
    const done = answer(`done ${way}`)
    control.write(`${way} ${input}\n`)
    await done
    const outcome = await seen
    const writes = [await write(socket, 'more'), await write(socket, 'more')].join(' and ')
    console.log(`${way}, input ${input}: ${outcome}; writes after it: ${writes}`)
    socket.destroy()
  }
}
clearTimeout(limit)
control.off('end', exitUnanswered).end()
// #endregion client

/** Waits for an answer on `control`. One comes only after each question, so none are joined. */
async function answer(expected: string): Promise<void> {
  const [data] = await once(control, 'data')
  if (`${data}` !== `${expected}\n`) exitUnknown(where, serverCommand)
  limit.refresh()
}

function exitUnanswered(): never {
  console.error('no answer: another client may be running (one at a time)')
  console.error(`or ${where} is somebody else's; the server is ${serverCommand}`)
  process.exit(1)
}

async function open(): Promise<Socket> {
  // allowHalfOpen: our side stays open after the server's FIN, so that we can try to write.
  const socket = connect({ port: options.port, host: options.host, allowHalfOpen: true })
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  return socket.setNoDelay()
}

function write(socket: Socket, text: string): Promise<string> {
  return new Promise(resolve => {
    socket.write(text, error => resolve(error ? `${(error as SocketError).code}` : 'ok'))
  })
}
