import { createServer } from 'node:net'

const greeted = new Set<string>()

createServer(socket => {
  const client = `${socket.remoteAddress} port ${socket.remotePort}`
  socket.on('error', () => {})
  socket.resume()
  if (greeted.has(client)) {
    socket.end()
    return
  }
  greeted.add(client)
  // It says good-bye, so it may come again.
  socket.on('end', () => greeted.delete(client))
  socket.end(`hello ${client}\n`)
}).listen(Number(process.env.PORT), '127.0.0.1')
