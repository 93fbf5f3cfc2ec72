import { createServer } from 'node:net'

let clients = 0
const server = createServer(socket => {
  if (clients === 100) {
    socket
      .on('error', () => {})
      .resume()
      .end()
    return
  }
  clients++
  socket.on('close', () => clients--)
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  const five = `tcp ${remoteAddress} port ${remotePort} to ${localAddress} port ${localPort}\n`
  socket.on('data', chunk => {
    socket.write(five.repeat(chunk.filter(byte => byte === 0x0a).length))
  })
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
