// Holds what is rendered below a folder against AsyncAPI's schema and Backstage's catalogue model.
// Prints a line for each thing that is wrong; exit code 1 then.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import formats from "ajv-formats";
import specs from "@asyncapi/specs";
import * as model from "@backstage/catalog-model";
import * as scaffolder from "@backstage/plugin-scaffolder-common";
import { parse, parseAllDocuments } from "yaml";

const folder = process.argv[2];
const read = (name) => readFileSync(join(folder, name), "utf8");
const wrong = [];

// The schema brings JSON Schema itself along, under its own name.
const ajv = new Ajv({ strict: false, meta: false, validateSchema: false, logger: false });
formats(ajv);
const document = parse(read("asyncapi.yaml"), { maxAliasCount: -1 });
const schema = specs.schemas[document.asyncapi];
if (!schema) wrong.push(`asyncapi.yaml: there is no schema of version ${document.asyncapi}`);
else {
  const valid = ajv.compile(schema);
  if (!valid(document))
    for (const each of valid.errors.slice(0, 20))
      wrong.push(`asyncapi.yaml${each.instancePath}: ${each.message}`);
}

const policy = model.EntityPolicies.allOf([
  new model.SchemaValidEntityPolicy(),
  new model.DefaultNamespaceEntityPolicy(),
  new model.NoForeignRootFieldsEntityPolicy(),
  new model.FieldFormatEntityPolicy(),
]);
const kinds = {
  API: model.apiEntityV1alpha1Validator,
  Component: model.componentEntityV1alpha1Validator,
  Group: model.groupEntityV1alpha1Validator,
  Resource: model.resourceEntityV1alpha1Validator,
  System: model.systemEntityV1alpha1Validator,
  Template: scaffolder.templateEntityV1beta3Validator,
};
const templates = join(folder, "templates");
const files = (existsSync(templates) ? readdirSync(templates) : []).map(
  (name) => `templates/${name}/template.yaml`,
);
files.unshift("catalog-info.yaml");
// Entries of tenants and agents, where some are given too.
const given = process.argv.slice(3).map((name) => readFileSync(name, "utf8"));
let entities = 0;
for (const each of [...files.map(read), ...given].flatMap((said) => parseAllDocuments(said))) {
  const entity = each.toJS();
  const name = `${entity?.kind} ${entity?.metadata?.name}`;
  // The catalogue reads the file that is named; here its place is as good.
  if (entity.kind === "API" && entity.spec.definition.$text)
    entity.spec.definition = read(entity.spec.definition.$text);
  try {
    await policy.enforce(entity);
    if (!kinds[entity.kind]) wrong.push(`${name}: no such kind`);
    else if (!(await kinds[entity.kind].check(entity))) wrong.push(`${name}: not of its kind`);
  } catch (error) {
    wrong.push(`${name}: ${error.message}`);
  }
  entities += 1;
}

for (const each of wrong) console.log(each);
if (!wrong.length) console.log(`${entities} entities`);
process.exit(wrong.length ? 1 : 0);
