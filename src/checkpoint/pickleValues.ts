/** A class or function that the pickle names. It is a name here and nothing more: it is never looked up or called. */
export class Global {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** What stands for the result of a call we do not know: who would have been called with what. */
export class Opaque {
  constructor(
    readonly callable: unknown,
    readonly args: unknown,
  ) {}

  /**
   * The name of who would have been called. Other values are not shown: a small pickle can nest them so that their text
   * would never end.
   */
  get name(): string {
    return this.callable instanceof Global ? this.callable.toString() : 'nameless';
  }
}
