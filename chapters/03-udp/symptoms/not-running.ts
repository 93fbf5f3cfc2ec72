/**
 * Symptom: ERR_SOCKET_DGRAM_NOT_RUNNING, from a UDP socket that worked a moment ago.
 *
 *   node --import tsx chapters/03-udp/symptoms/not-running.ts
 */
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns'
import { once } from 'node:events'

const server = createSocket('udp4').bind(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address()

// Closes after its first answer; another part of the program does not know that, and goes on.
const client = createSocket('udp4')
client.on('error', error => console.log(`'error' event: ${error.message}`))
server.once('message', (_question, { port, address }) => server.send('answer', port, address))
client.send('question', port, '127.0.0.1')
await once(client, 'message')
client.close()
console.log('close(), after the first answer')
attempt('send()', () => client.send('again', port, '127.0.0.1'))
attempt('close() again', () => client.close())

// While a name is looked up, the datagram waits in the program. This lookup takes until answerLookup().
let answerLookup = () => {}
const waiting = createSocket({
  type: 'udp4',
  lookup: (name, options, callback) => {
    if (name === 'shop.test') answerLookup = () => callback(null, '127.0.0.1', 4)
    else lookup(name, options, (error, address, family) => callback(error, String(address), family))
  },
})
waiting.bind(0, '127.0.0.1')
await once(waiting, 'listening')
let isCalledBack = false
waiting.send('hello', port, 'shop.test', () => {
  isCalledBack = true
})
waiting.close()
await once(waiting, 'close')
answerLookup()
// The next datagram to arrive shows that the one before it was not sent.
const marker = createSocket('udp4')
marker.send('a later one', port, '127.0.0.1')
const [message] = (await once(server, 'message')) as [Buffer]
console.log(`send() to a name, then close() at once: what arrives is "${message}"`)
console.log(`  callback of send(): ${isCalledBack ? 'called' : 'never called'}`)
marker.close()
server.close()

function attempt(what: string, call: () => void): void {
  try {
    call()
    console.log(`${what}: no error`)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    console.log(`${what} throws ${code}: ${message}`)
  }
}
