/**
 * end, destroy, resetAndDestroy, seen from the other side: what comes, and what a write still does.
 *
 *   npm run 06:end-destroy-reset:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { endpoint } from '../../../lib/program/endpoint.ts'
import { exitCannotConnect, type SocketError } from '../../../lib/program/failures.ts'
import { host, port, readOptions } from '../../../lib/program/options.ts'

const options = readOptions({
  command: 'npm run 06:end-destroy-reset:client',
  does: 'Shows what the peer sees of each way to leave.',
  flags: { host, port: { ...port(7062), min: 1 } },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))

// #region client
const control = await open()
for (const input of ['read', 'unread']) {
  for (const way of ['end', 'destroy', 'resetAndDestroy']) {
    const accepted = once(control, 'data')
    const socket = await open()
    await accepted
    const seen = new Promise<string>(resolve => {
      socket.once('end', () => resolve('end'))
      socket.on('error', ({ code }: SocketError) => resolve(`${code}`))
    })
    socket.resume()
    await write(socket, 'hello') // now these bytes are in the server's kernel
    const done = once(control, 'data')
    control.write(`${way} ${input}\n`)
    await done
    const outcome = await seen
    const writes = [await write(socket, 'more'), await write(socket, 'more')].join(' and ')
    console.log(`${way}, input ${input}: ${outcome}; writes after it: ${writes}`)
    socket.destroy()
  }
}
control.end()
// #endregion client

async function open(): Promise<Socket> {
  // allowHalfOpen: our side stays open after the server's FIN, so that we can try to write.
  const socket = connect({ port: options.port, host: options.host, allowHalfOpen: true })
  await once(socket, 'connect').catch(error =>
    exitCannotConnect(error, where, 'npm run 06:end-destroy-reset:server'),
  )
  return socket.setNoDelay()
}

function write(socket: Socket, text: string): Promise<string> {
  return new Promise(resolve => {
    socket.write(text, error => resolve(error ? `${(error as SocketError).code}` : 'ok'))
  })
}
