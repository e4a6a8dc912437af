// Ask from JavaScript: node ask.js BROKER TENANT QUESTION.
// Needs: npm install kafkajs@2.2.4 avsc@5.7.9 lz4js@0.2.0
"use strict";
const { randomUUID } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const avro = require("avsc");
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require("kafkajs");
const lz4 = require("lz4js");

const TIMEOUT_MS = 60_000;
const SCHEMAS = join(__dirname, "..", "schemas", "avro");
// Answers are compressed in a form that this client leaves to others.
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async ({ buffer }) => Buffer.from(lz4.compress(buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});

// The Avro type in a file of schemas/avro, with those it is made of.
function load(name, registry = {}) {
  const text = readFileSync(join(SCHEMAS, `${name}.avsc`), "utf8");
  for (const [full, part] of text.matchAll(/io\.millrace\.(\w+)/g)) {
    if (!registry[full]) load(part, registry);
  }
  return avro.Type.forSchema(JSON.parse(text), { registry });
}

async function ask(broker, tenant, query) {
  const answers = load("QuestionAnswered");
  const requestId = randomUUID();
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.ERROR });
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  const consumer = kafka.consumer({ groupId: `ask-${requestId}`, readUncommitted: false });
  try {
    await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
    const ends = await admin.fetchTopicOffsets("rag.answers");
    await consumer.subscribe({ topic: "rag.answers" });
    const answered = new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`no answer to ${requestId}`)), TIMEOUT_MS).unref();
      const eachMessage = async ({ message }) => {
        // The key says whose answer it is. Two bytes of mark, eight of fingerprint, then the record.
        if (String(message.key) === `${tenant}/${requestId}`) {
          resolve(answers.fromBuffer(message.value.subarray(10)));
        }
      };
      consumer.run({ eachMessage }).catch(reject);
    });
    // From where the topic ended before the question, however long it takes to join.
    for (const { partition, high } of ends) {
      consumer.seek({ topic: "rag.answers", partition, offset: high });
    }
    const value = JSON.stringify({ request_id: requestId, tenant, query });
    await producer.send({
      topic: "rag.requests",
      messages: [{ key: `${tenant}/${requestId}`, value }],
    });
    return await answered;
  } finally {
    await Promise.all([consumer.disconnect(), producer.disconnect()]);
    await admin.deleteGroups([`ask-${requestId}`]);
    await admin.disconnect();
  }
}

ask(...process.argv.slice(2, 5)).then(
  (answer) => {
    console.log(`${answer.status}: ${answer.answer}`);
    for (const each of answer.citations) {
      console.log(`  ${each.doc_id} v${each.doc_version}: ${each.quote}`);
    }
  },
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
