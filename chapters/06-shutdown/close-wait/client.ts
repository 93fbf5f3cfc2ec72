/**
 * CLOSE-WAIT: clients come and go, and the server is asked what it has left of them.
 *
 *   npm run 06:close-wait:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { waitUntil } from '#lib/lab/wait-until.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 06:close-wait:client',
  does: 'Connects, says hello and leaves, many times; asks the server what is left.',
  flags: {
    host,
    port: { ...port(7064), min: 1 },
    visits: { default: 20, min: 1, max: 1000, help: 'how many clients come and go' },
  },
})
const serverCommand = 'npm run 06:close-wait:server'
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const doctor = framed(await open(), lines())
const answers = doctor.frames[Symbol.asyncIterator]()

await visit()
console.log(`before: ${await ask('count')}`)
await ask('cure')
await visit()
// The server's end() for the last visitor may still be on its way to the kernel.
const left = await waitUntil('all are closed', async () => {
  const answer = await ask('count')
  return answer.startsWith('0 ') && answer
})
console.log(`cured:  ${left}`)
await doctor.end()

async function visit(): Promise<void> {
  for (let visits = 0; visits < options.visits; visits++) {
    const socket = await open()
    socket.once('end', () => exitUnknown(where, serverCommand))
    socket.write('hello\n')
    const [answer] = await once(socket, 'data') // and we have nothing more to say
    if (`${answer}` !== 'hello\n') exitUnknown(where, serverCommand)
    // close(), as when the client's process ends: our kernel sends a FIN, and soon forgets it all.
    socket.destroy()
    await once(socket, 'close')
  }
}

async function ask(what: string): Promise<string> {
  await doctor.send(what)
  const { value } = await answers.next()
  return value?.includes(' in CLOSE-WAIT, ') ? value : exitUnknown(where, serverCommand)
}
// #endregion client

async function open(): Promise<Socket> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where))
  return exitWhenSilent(socket, where, serverCommand)
}
