import { createServer, type Socket } from 'node:net'

const members = new Set<Socket>()

createServer(socket => {
  members.add(socket)
  socket.write('welcome\n')
  socket.setEncoding('utf8').on('data', text => {
    const line = String(text).trim()
    for (const member of members) if (member !== socket) member.write(`${line}\n`)
  })
  socket.on('close', () => members.delete(socket))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
