/**
 * Idle timeout: one client answers, one says nothing, one drips bytes so as never to be idle.
 *
 *   npm run 05:idle-timeout:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitUnknown, noticeWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 05:idle-timeout:client',
  does: 'Shows what a server does about three idle clients.',
  flags: {
    host,
    port: { ...port(7052), min: 1 },
    'drip-ms': { default: 50, min: 1, max: 60_000, help: 'time between two bytes of the third' },
  },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 05:idle-timeout:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
let asked = false
await talk('one that answers', (socket, text) => {
  asked ||= text === 'still there?\n'
  if (text === 'still there?\n') socket.write('yes\n')
  if (text === 'yes\n') socket.end()
})
await talk('one that is silent', () => {})
let drops = 0
let verdict = 'never idle, never done'
const isAsked = () => {
  verdict = 'too slowly, so it was idle'
}
await talk('one that drips', isAsked, dripTo)
console.log(`it sent ${plural(drops, 'byte')}, one every ${options['drip-ms']} ms: ${verdict}`)

function dripTo(socket: Socket): void {
  const timer = setInterval(() => {
    socket.write('x')
    drops++
  }, options['drip-ms'])
  socket.once('close', () => clearInterval(timer))
}

async function talk(
  name: string,
  heard: (socket: Socket, text: string) => void,
  begin: (socket: Socket) => void = () => {},
): Promise<void> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  const startMs = performance.now()
  const words: string[] = []
  socket.setEncoding('utf8')
  socket.on('data', text => {
    words.push(JSON.stringify(String(text).trimEnd()))
    heard(socket, String(text))
  })
  socket.on('error', () => {}) // being cut may be a reset: `close` follows
  noticeWhenSilent(socket, where, serverCommand)
  begin(socket)
  await new Promise(resolve => socket.once('close', resolve))
  if (!asked) exitUnknown(where, serverCommand)
  const ms = Math.round(performance.now() - startMs)
  console.log(`${name}: heard ${words.join(', ') || 'nothing'}; closed after ${ms} ms`)
}
// #endregion client
