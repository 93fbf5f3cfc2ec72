import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

createServer({ allowHalfOpen: true }, async socket => {
  socket.on('error', () => {})
  for await (const line of createInterface({ input: socket })) {
    const characters = [...line]
    socket.write(`${characters.length} ${characters.reverse().join('')}\n`)
  }
  socket.end()
}).listen(Number(process.env.PORT), '127.0.0.1')
