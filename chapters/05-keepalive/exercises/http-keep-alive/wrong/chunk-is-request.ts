import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    const text = chunk.toString('latin1')
    const [method, target] = text.split(' ')
    const [, body = ''] = text.split('\r\n\r\n')
    const line = `${method} ${target} ${body.length}\n`
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${line.length}\r\n\r\n${line}`)
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
