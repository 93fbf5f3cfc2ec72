import { createSocket, type RemoteInfo } from 'node:dgram'
import { setTimeout as lookUp } from 'node:timers/promises'

let peer: RemoteInfo

const socket = createSocket('udp4')
socket.on('message', async (message, from) => {
  peer = from
  await lookUp(50)
  socket.send(message, peer.port, peer.address)
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
