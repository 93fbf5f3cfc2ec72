/** One program of an example, as `npm run` and `npm start` run it. */
export interface Program {
  /** File, relative to the chapter's folder. */
  file: string
  /** Arguments that `npm start` adds to `--host` and `--port` (or `--path`). */
  args?: readonly string[]
}

/** A server and a client that show one thing together. */
export interface Example {
  /** Folder name and last part of the id: `echo` in `02/echo`. */
  name: string
  /** What a reader sees, in one sentence. */
  shows: string
  /** What the two programs talk over. */
  transport: 'tcp' | 'udp' | 'unix'
  /** Over UDP in the first place, and over TCP as well. */
  alsoOverTcp?: true
  server: Program
  client: Program
  /** What `npm start` runs in the client's place, where one client alone shows too little. */
  demo?: Program
  /** `linux`: reads kernel tables that only Linux has. */
  needs?: 'linux'
  /** A run is kept in the chapter's `recordings`, as JSON and as a picture: `npm run record`. */
  recorded?: true
}

/** A chapter's entry in the catalogue: data only, no code. */
export interface Chapter {
  /** Two digits: the first part of the folder's name. */
  id: string
  title: string
  /** What the reader can do afterwards, in one sentence. */
  promise: string
  /** The first example is the one that `npm start <id>` and `npm run <id>:server` run. */
  examples: readonly Example[]
  /** Folder names below `exercises/`, in the order in which they are best solved. */
  exercises?: readonly string[]
}

/** A chapter together with the folder it was read from. */
export interface CatalogueChapter extends Chapter {
  /** Folder name below `chapters/`: `02-tcp-echo`. */
  folder: string
}

/** An example together with its chapter, as the commands address it. */
export interface CatalogueEntry {
  /** `02/echo` */
  id: string
  chapter: CatalogueChapter
  example: Example
}
