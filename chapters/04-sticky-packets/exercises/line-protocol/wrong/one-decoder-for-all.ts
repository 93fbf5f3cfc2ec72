import { createServer } from 'node:net'
import { StringDecoder } from 'node:string_decoder'

/** Keeps half a character until the rest of it comes. */
const decoder = new StringDecoder('utf8')

createServer({ allowHalfOpen: true }, socket => {
  let waiting = ''
  socket.on('data', chunk => {
    waiting += decoder.write(chunk)
    const lines = waiting.split('\n')
    waiting = lines.pop()!
    for (const line of lines) {
      const characters = [...line.replace(/\r$/, '')]
      socket.write(`${characters.length} ${characters.reverse().join('')}\n`)
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
