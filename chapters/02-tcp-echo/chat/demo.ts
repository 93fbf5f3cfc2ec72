/**
 * Chat with three members: Ann talks a lot, Ben listens, Cat has stopped reading.
 *
 *   npm run 02:chat:demo     with npm run 02:chat:server in another terminal
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitWhenEnded } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 02:chat:demo',
  does: 'Shows that a member who does not read is dropped, and that nobody else notices.',
  flags: {
    host,
    port: { ...port(7022), min: 1 },
    lines: { default: 8000, min: 1, max: 1e6, help: 'how many lines of 1000 bytes Ann says' },
  },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 02:chat:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region demo
const ben = await join()
const cat = await join()
cat.pause()
cat.removeAllListeners('error').on('error', () => {}) // being dropped may be a reset: `close` follows
const ann = await join()
exitWhenEnded(ann.resume(), where, serverCommand)

let heard = 0
ben.on('data', chunk => {
  for (const byte of chunk) if (byte === 0x0a) heard++
})
ben.on('close', () => {
  if (heard === options.lines) return
  console.error(
    `ben was cut off after ${heard} of ${plural(options.lines, 'line')}, though he was reading`,
  )
  process.exit(1)
})

const line = `${'blah '.repeat(200).slice(0, 999)}\n`
for (let said = 1; said <= options.lines; said++) {
  if (!ann.write(line)) await once(ann, 'drain')
  // Now and then Ann waits until Ben has heard her. Else he would be the slow member.
  while (said % 100 === 0 && heard < said) await once(ben, 'data')
}
while (heard < options.lines) await once(ben, 'data')
console.log(`ann said ${plural(options.lines, 'line')}, ben heard ${heard}`)
cat.resume()
await once(cat, 'close')
console.log(`cat got ${plural(cat.bytesRead, 'byte')} before she was dropped`)
// #endregion demo
ann.end()
ben.end()

async function join(): Promise<Socket> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  return socket.on('error', error => exitLost(error, where))
}
