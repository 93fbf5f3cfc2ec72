import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.end(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`)
  socket.on('data', data => {
    if (/^(quit|exit)\b/i.test(data.toString())) socket.destroy()
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
