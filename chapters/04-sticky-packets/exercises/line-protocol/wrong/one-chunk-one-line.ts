import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    const characters = [...chunk.toString().replace(/\r?\n$/, '')]
    socket.write(`${characters.length} ${characters.reverse().join('')}\n`)
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
