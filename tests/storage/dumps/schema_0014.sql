BEGIN TRANSACTION;
CREATE TABLE account (
	id TEXT NOT NULL, 
	site_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	customer TEXT, 
	policy TEXT NOT NULL, 
	opened_at BIGINT NOT NULL, 
	closed_at BIGINT, 
	CONSTRAINT pk_account PRIMARY KEY (id), 
	CONSTRAINT fk_account_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);
INSERT INTO "account" VALUES('flat-1','house','Flat 1',NULL,'{"payment_mode":"prepayment","restore":"automatic","never_cut":false,"load_limit":null,"power_limit":null,"minimum_to_restore":0,"low_credit":[],"low_credit_hysteresis":0,"days_left":0,"friendly_hours":{"windows":[],"holidays":[],"dates":[],"grace_ms":0},"building_meter":false,"contracted_w":0,"free_units":false,"warning_ms":3600000,"switchings_per_day":12,"protections":{"over_voltage":null,"under_voltage":null,"overload":null},"top_up_minimum":1,"top_up_maximum":null,"credit":{"disablement_threshold":0,"emergency_limit":0,"emergency_threshold":0,"debt_in_emergency":"collect","debt_disconnected":"collect","standing_in_emergency":"collect","standing_disconnected":"collect","maximum_balance":null}}',1793527200000,NULL);
CREATE TABLE account_status (
	account_id TEXT NOT NULL, 
	supply_state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	since BIGINT NOT NULL, 
	hold TEXT, 
	note TEXT, 
	revision BIGINT NOT NULL, 
	low_credit_level INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT pk_account_status PRIMARY KEY (account_id), 
	CONSTRAINT fk_account_status_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
INSERT INTO "account_status" VALUES('flat-1','disconnected','landlord_off',1793556018000,'off','waits for the electrician',3,0,'{"holds":[{"id":"switch","position":"off","reason":"waits for the electrician","by":"landlord","since":1793556018000}],"switchings":[1793527200000,1793527200000]}');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0014');
CREATE TABLE alert (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	site_id TEXT, 
	account_id TEXT, 
	meter_id TEXT, 
	message TEXT NOT NULL, 
	opened_at BIGINT NOT NULL, 
	acknowledged_at BIGINT, 
	acknowledged_by TEXT, 
	closed_at BIGINT, 
	CONSTRAINT pk_alert PRIMARY KEY (id)
);
INSERT INTO "alert" VALUES('alert-3','supply_cut','','house','flat-1',NULL,'Flat 1: supply is cut, the credit is used up',1793527200000,NULL,NULL,1793527200000);
CREATE TABLE applied_site (
	seq BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	actor TEXT NOT NULL, 
	document TEXT NOT NULL, 
	"plan" TEXT NOT NULL, 
	CONSTRAINT pk_applied_site PRIMARY KEY (seq)
);
INSERT INTO "applied_site" VALUES(1,1793527200000,'landlord','
name: Test house
sites:
  house:
    name: Test house
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      blocks:
        name: Blocks and bands
        versions:
          - from: 2026-01-01
            blocks: [1 kWh, 3 kWh]
            bands:
              peak: [{days: mon-sun, from: "17:00", to: "19:00"}]
              off-peak: rest
            prices:
              peak: [3.10, 3.60, 4.05]
              off-peak: [2.20, 2.60, 3.05]
            standing charge: 1.00 per day
            taxes: [{name: VAT, percent: 15}]
    units:
      flat-1:
        name: Flat 1
        tariff: blocks
        meters: [{address: "tasmota:flat-1/1", rating: 10 kW}]
','{"name":"Test house","sites":[{"id":"house","name":"Test house","time_zone":"Africa/Johannesburg","currency":"ZAR","tariffs":[{"id":"blocks","name":"Blocks and bands","versions":[{"id":"blocks@2026-01-01","tariff_id":"blocks","valid_from":1767218400000,"currency":"ZAR","calendar":{"time_zone":"Africa/Johannesburg","bands":[{"name":"peak","windows":[{"days":[0,1,2,3,4,5,6],"start":1020,"end":1140,"seasons":[]}],"rest":false},{"name":"off-peak","windows":[],"rest":true}],"seasons":[],"holidays":[],"holiday_as":7,"holiday_rule":""},"ladders":[{"bands":["peak","off-peak"],"prices":[[3100000000,2200000000],[3600000000,2600000000],[4050000000,3050000000]],"limits":[1000,3000]}],"meaning":"pooled_chronological","basis":"consumption_time","block_period":{"unit":"month","day":1,"month":1},"billing_period":{"unit":"month","day":1,"month":1},"history_periods":0,"prorate":false,"prorate_last":false,"standing":[{"name":"standing charge","amount":1000000,"per":"day"}],"demand":null,"minimum":0,"free_wh":0,"free_climbs":true,"lifeline":null,"taxes":[{"name":"VAT","rate_ppm":150000,"on":["consumption","demand","minimum","standing"],"kind":"tax","inclusive":false,"per_mwh":0}],"source":"","profile":null}]}],"accounts":[{"id":"flat-1","name":"Flat 1","customer":null,"policy":{"payment_mode":"prepayment","restore":"automatic","never_cut":false,"load_limit":null,"power_limit":null,"minimum_to_restore":0,"low_credit":[],"low_credit_hysteresis":0,"days_left":0,"friendly_hours":{"windows":[],"holidays":[],"dates":[],"grace_ms":0},"building_meter":false,"contracted_w":0,"free_units":false,"warning_ms":3600000,"switchings_per_day":12,"protections":{"over_voltage":null,"under_voltage":null,"overload":null},"top_up_minimum":1,"top_up_maximum":null,"credit":{"disablement_threshold":0,"emergency_limit":0,"emergency_threshold":0,"debt_in_emergency":"collect","debt_disconnected":"collect","standing_in_emergency":"collect","standing_disconnected":"collect","maximum_balance":null}},"supplies":[{"id":"flat-1/electricity","commodity":"electricity","tariff_id":"blocks","meters":[{"id":"flat-1/main","name":"Flat 1","energy_address":"tasmota:flat-1/1","relay_address":"tasmota:flat-1/1","rating_w":10000,"limits":{"over_voltage_mv":253000,"under_voltage_mv":207000,"overload_mw":null,"voltage_hysteresis_mv":2000,"overload_hysteresis_percent":5},"host":null,"password_env":null,"offline_after_s":900,"register_modulus_wh":null,"returns_energy":false,"without_bridge":"hold","rule_slot":3}]}],"opening_credit":0}]}],"edits":[]}');
CREATE TABLE balance (
	account_id TEXT NOT NULL, 
	bucket TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	CONSTRAINT pk_balance PRIMARY KEY (account_id, bucket, asset), 
	CONSTRAINT fk_balance_account_id FOREIGN KEY(account_id) REFERENCES account (id)
)
 WITHOUT ROWID

;
INSERT INTO "balance" VALUES('flat-1','balance','ZAR',113350500);
INSERT INTO "balance" VALUES('flat-1','consumption','ZAR',10130000);
INSERT INTO "balance" VALUES('flat-1','funds','ZAR',-125000000);
INSERT INTO "balance" VALUES('flat-1','tax','ZAR',1519500);
CREATE TABLE charge_line (
	entry_seq BIGINT NOT NULL, 
	n INTEGER NOT NULL, 
	supply_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	period TEXT NOT NULL, 
	version_id TEXT NOT NULL, 
	block INTEGER, 
	band TEXT, 
	quantity BIGINT NOT NULL, 
	unit_price BIGINT, 
	amount BIGINT NOT NULL, 
	CONSTRAINT pk_charge_line PRIMARY KEY (entry_seq, n), 
	CONSTRAINT fk_charge_line_entry_seq FOREIGN KEY(entry_seq) REFERENCES journal_entry (seq)
)
 WITHOUT ROWID

;
INSERT INTO "charge_line" VALUES(3,0,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',1,'off-peak',448,2200000,985600);
INSERT INTO "charge_line" VALUES(3,1,'flat-1/electricity','tax','2026-11-01/P1M','blocks@2026-01-01',NULL,'VAT',0,NULL,147840);
INSERT INTO "charge_line" VALUES(4,0,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',1,'off-peak',450,2200000,990000);
INSERT INTO "charge_line" VALUES(4,1,'flat-1/electricity','tax','2026-11-01/P1M','blocks@2026-01-01',NULL,'VAT',0,NULL,148500);
INSERT INTO "charge_line" VALUES(5,0,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',1,'off-peak',102,2200000,224400);
INSERT INTO "charge_line" VALUES(5,1,'flat-1/electricity','tax','2026-11-01/P1M','blocks@2026-01-01',NULL,'VAT',0,NULL,169380);
INSERT INTO "charge_line" VALUES(5,2,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',2,'off-peak',348,2600000,904800);
INSERT INTO "charge_line" VALUES(6,0,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',2,'off-peak',450,2600000,1170000);
INSERT INTO "charge_line" VALUES(6,1,'flat-1/electricity','tax','2026-11-01/P1M','blocks@2026-01-01',NULL,'VAT',0,NULL,175500);
INSERT INTO "charge_line" VALUES(7,0,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',2,'off-peak',450,2600000,1170000);
INSERT INTO "charge_line" VALUES(7,1,'flat-1/electricity','tax','2026-11-01/P1M','blocks@2026-01-01',NULL,'VAT',0,NULL,175500);
INSERT INTO "charge_line" VALUES(8,0,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',2,'peak',450,3600000,1620000);
INSERT INTO "charge_line" VALUES(8,1,'flat-1/electricity','tax','2026-11-01/P1M','blocks@2026-01-01',NULL,'VAT',0,NULL,243000);
INSERT INTO "charge_line" VALUES(9,0,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',2,'peak',302,3600000,1087200);
INSERT INTO "charge_line" VALUES(9,1,'flat-1/electricity','tax','2026-11-01/P1M','blocks@2026-01-01',NULL,'VAT',0,NULL,252990);
INSERT INTO "charge_line" VALUES(9,2,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',3,'peak',148,4050000,599400);
INSERT INTO "charge_line" VALUES(10,0,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',3,'off-peak',449,3050000,1369450);
INSERT INTO "charge_line" VALUES(10,1,'flat-1/electricity','tax','2026-11-01/P1M','blocks@2026-01-01',NULL,'VAT',0,NULL,205418);
INSERT INTO "charge_line" VALUES(11,0,'flat-1/electricity','consumption','2026-11-01/P1M','blocks@2026-01-01',3,'off-peak',3,3050000,9150);
INSERT INTO "charge_line" VALUES(11,1,'flat-1/electricity','tax','2026-11-01/P1M','blocks@2026-01-01',NULL,'VAT',0,NULL,1372);
CREATE TABLE contact (
	account_id TEXT NOT NULL, 
	tenancy INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_contact PRIMARY KEY (account_id, tenancy), 
	CONSTRAINT fk_contact_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
CREATE TABLE cut_off (
	address TEXT NOT NULL, 
	slot INTEGER NOT NULL, 
	relay_address TEXT NOT NULL, 
	wanted_wh BIGINT, 
	held TEXT NOT NULL, 
	held_wh BIGINT, 
	held_at BIGINT NOT NULL, 
	written_at BIGINT NOT NULL, 
	CONSTRAINT pk_cut_off PRIMARY KEY (address, slot)
);
CREATE TABLE daily_use (
	supply_id TEXT NOT NULL, 
	last_day TEXT NOT NULL, 
	uses TEXT NOT NULL, 
	CONSTRAINT pk_daily_use PRIMARY KEY (supply_id), 
	CONSTRAINT fk_daily_use_supply_id FOREIGN KEY(supply_id) REFERENCES supply (id)
);
CREATE TABLE event (
	seq BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	account_id TEXT, 
	meter_id TEXT, 
	data TEXT NOT NULL, 
	CONSTRAINT pk_event PRIMARY KEY (seq)
);
INSERT INTO "event" VALUES(1,1793527200000,'account_added','flat-1',NULL,'{"name":"Flat 1"}');
INSERT INTO "event" VALUES(2,1793527200000,'supply_changed','flat-1',NULL,'{"state":"disconnected","was":"connected","reason":"credit_exhausted","note":null}');
INSERT INTO "event" VALUES(3,1793527200000,'alert_opened','flat-1',NULL,'{"id":"alert-3","kind":"supply_cut","message":"Flat 1: supply is cut, the credit is used up","detail":""}');
INSERT INTO "event" VALUES(4,1793527200000,'top_up','flat-1',NULL,'{"id":"entry-1","amount":100000000,"method":"cash","reference":null,"split":{"balance":100000000},"units_wh":0,"balance_after":100000000}');
INSERT INTO "event" VALUES(5,1793527200000,'supply_changed','flat-1',NULL,'{"state":"connected","was":"disconnected","reason":"in_credit","note":null}');
INSERT INTO "event" VALUES(6,1793527200000,'alert_closed','flat-1',NULL,'{"id":"alert-3","kind":"supply_cut","message":"Flat 1: supply is cut, the credit is used up","detail":""}');
INSERT INTO "event" VALUES(7,1793527200000,'top_up','flat-1',NULL,'{"id":"entry-2","amount":25000000,"method":"cash","reference":null,"split":{"balance":25000000},"units_wh":0,"balance_after":125000000}');
INSERT INTO "event" VALUES(8,1793556018000,'hold_placed','flat-1',NULL,'{"id":"switch","position":"off","reason":"waits for the electrician","by":"landlord"}');
INSERT INTO "event" VALUES(9,1793556018000,'supply_changed','flat-1',NULL,'{"state":"disconnected","was":"connected","reason":"landlord_off","note":"waits for the electrician"}');
CREATE TABLE export_file (
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	first_seq BIGINT NOT NULL, 
	last_seq BIGINT NOT NULL, 
	rows BIGINT NOT NULL, 
	first_day TEXT, 
	last_day TEXT, 
	created_at BIGINT NOT NULL, 
	retired_at BIGINT, 
	checked BOOLEAN NOT NULL, 
	CONSTRAINT pk_export_file PRIMARY KEY (name)
);
INSERT INTO "export_file" VALUES('segments/month=2026-11/1-10-0.parquet','segments',1,10,34,'2026-11-01','2026-11-01',1793556018000,NULL,0);
INSERT INTO "export_file" VALUES('rollup/1-10-0.parquet','rollup',1,10,5,'2026-11-01','2026-11-01',1793556018000,NULL,0);
CREATE TABLE export_watermark (
	id INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	CONSTRAINT pk_export_watermark PRIMARY KEY (id)
);
INSERT INTO "export_watermark" VALUES(1,10);
CREATE TABLE foresight (
	supply_id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	made_at BIGINT NOT NULL, 
	in_units BOOLEAN NOT NULL, 
	points BLOB NOT NULL, 
	bands TEXT NOT NULL, 
	CONSTRAINT pk_foresight PRIMARY KEY (supply_id), 
	CONSTRAINT fk_foresight_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT fk_foresight_supply_id FOREIGN KEY(supply_id) REFERENCES supply (id)
);
CREATE TABLE installation (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	last_instant BIGINT NOT NULL, 
	CONSTRAINT pk_installation PRIMARY KEY (id)
);
INSERT INTO "installation" VALUES('781d7fb8292b214b7339d748f40bfcf8','Test house',1793527200000,1793556079000);
CREATE TABLE journal_entry (
	seq BIGINT NOT NULL, 
	id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	description TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	refers_to TEXT, 
	balance_after BIGINT NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_journal_entry PRIMARY KEY (seq), 
	CONSTRAINT fk_journal_entry_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT uq_journal_entry_id UNIQUE (id)
);
INSERT INTO "journal_entry" VALUES(1,'entry-1','flat-1',1793527200000,'top_up','Top-up, cash','landlord',NULL,100000000,'{"amount":100000000,"method":"cash","reference":null,"split":{"balance":100000000},"units_wh":0}');
INSERT INTO "journal_entry" VALUES(2,'entry-2','flat-1',1793527200000,'top_up','Top-up, cash','landlord',NULL,125000000,'{"amount":25000000,"method":"cash","reference":null,"split":{"balance":25000000},"units_wh":0}');
INSERT INTO "journal_entry" VALUES(3,'entry-3','flat-1',1793530810000,'charge','Electricity used','bridge',NULL,123866560,'{"readings":{"flat-1/main":[1793530810000,10450,0]}}');
INSERT INTO "journal_entry" VALUES(4,'entry-4','flat-1',1793534411000,'charge','Electricity used','bridge',NULL,122728060,'{"readings":{"flat-1/main":[1793534411000,10900,0]}}');
INSERT INTO "journal_entry" VALUES(5,'entry-5','flat-1',1793538012000,'charge','Electricity used','bridge',NULL,121429480,'{"readings":{"flat-1/main":[1793538012000,11350,0]}}');
INSERT INTO "journal_entry" VALUES(6,'entry-6','flat-1',1793541613000,'charge','Electricity used','bridge',NULL,120083980,'{"readings":{"flat-1/main":[1793541613000,11800,0]}}');
INSERT INTO "journal_entry" VALUES(7,'entry-7','flat-1',1793545214000,'charge','Electricity used','bridge',NULL,118738480,'{"readings":{"flat-1/main":[1793545214000,12250,0]}}');
INSERT INTO "journal_entry" VALUES(8,'entry-8','flat-1',1793548815000,'charge','Electricity used','bridge',NULL,116875480,'{"readings":{"flat-1/main":[1793548815000,12700,0]}}');
INSERT INTO "journal_entry" VALUES(9,'entry-9','flat-1',1793552416000,'charge','Electricity used','bridge',NULL,114935890,'{"readings":{"flat-1/main":[1793552416000,13150,0]}}');
INSERT INTO "journal_entry" VALUES(10,'entry-10','flat-1',1793556017000,'charge','Electricity used','bridge',NULL,113361022,'{"readings":{"flat-1/main":[1793556017000,13600,0]}}');
INSERT INTO "journal_entry" VALUES(11,'entry-11','flat-1',1793556018000,'charge','Electricity used','landlord',NULL,113350500,'{"readings":{"flat-1/main":[1793556017000,13600,0]}}');
CREATE TABLE keypad_token (
	serial TEXT NOT NULL, 
	count INTEGER NOT NULL, 
	account_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	units INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_keypad_token PRIMARY KEY (serial, count), 
	CONSTRAINT fk_keypad_token_account_id FOREIGN KEY(account_id) REFERENCES account (id)
)
 WITHOUT ROWID

;
CREATE TABLE lease (
	name TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	token BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, address TEXT, word TEXT, 
	CONSTRAINT pk_lease PRIMARY KEY (name)
);
CREATE TABLE meter (
	id TEXT NOT NULL, 
	supply_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	energy_address TEXT NOT NULL, 
	relay_address TEXT, 
	settings TEXT NOT NULL, 
	assigned_at BIGINT NOT NULL, 
	removed_at BIGINT, 
	CONSTRAINT pk_meter PRIMARY KEY (id), 
	CONSTRAINT fk_meter_supply_id FOREIGN KEY(supply_id) REFERENCES supply (id)
);
INSERT INTO "meter" VALUES('flat-1/main','flat-1/electricity','Flat 1','tasmota:flat-1/1','tasmota:flat-1/1','{"rating_w":10000,"limits":{"over_voltage_mv":253000,"under_voltage_mv":207000,"overload_mw":null,"voltage_hysteresis_mv":2000,"overload_hysteresis_percent":5},"host":null,"password_env":null,"offline_after_s":900,"register_modulus_wh":null,"returns_energy":false,"without_bridge":"hold","rule_slot":3}',1793527200000,NULL);
CREATE TABLE notice (
	id TEXT NOT NULL, 
	event_seq BIGINT NOT NULL, 
	recipient TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	account_id TEXT, 
	tenancy INTEGER, 
	alert_id TEXT, 
	title TEXT NOT NULL, 
	body TEXT NOT NULL, 
	made_at BIGINT NOT NULL, 
	next_at BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	sent TEXT NOT NULL, 
	ended_at BIGINT, 
	outcome TEXT, sending TEXT, uncertain TEXT, 
	CONSTRAINT pk_notice PRIMARY KEY (id), 
	CONSTRAINT fk_notice_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
CREATE TABLE notice_mark (
	id INTEGER NOT NULL, 
	event_seq BIGINT NOT NULL, 
	digests TEXT NOT NULL, 
	CONSTRAINT pk_notice_mark PRIMARY KEY (id)
);
CREATE TABLE operation (
	account_id TEXT NOT NULL, 
	operation TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	content_hash TEXT NOT NULL, 
	entry_seq BIGINT, 
	result TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_operation PRIMARY KEY (account_id, operation, "key"), 
	CONSTRAINT fk_operation_account_id FOREIGN KEY(account_id) REFERENCES account (id)
)
 WITHOUT ROWID

;
INSERT INTO "operation" VALUES('flat-1','top_up','first','be78c039415333defa8c7a8bc857377c398cd3c2449e84339927183cb5142917',1,'{"top_up":{"id":"entry-1","at":"2026-11-01T10:00:00.000Z","amount":100000000,"method":"cash","reference":null,"split":{"balance":100000000},"balance_after":100000000,"units_wh":0},"balance":100000000,"available":100000000,"supply":{"state":"connected","reason":"in_credit","since":"2026-11-01T10:00:00.000Z","note":null,"proof":"pending","cut_at":null,"load_limit_mw":null,"holds":[],"trips":[]}}',1793527200000);
INSERT INTO "operation" VALUES('flat-1','top_up','naïve €','03a015c6ea2652d45e44d33e384d4d98fa7f2b8b1eef5588adebef6034a077fd',2,'{"top_up":{"id":"entry-2","at":"2026-11-01T10:00:00.000Z","amount":25000000,"method":"cash","reference":null,"split":{"balance":25000000},"balance_after":125000000,"units_wh":0},"balance":125000000,"available":125000000,"supply":{"state":"connected","reason":"in_credit","since":"2026-11-01T10:00:00.000Z","note":null,"proof":"confirmed","cut_at":null,"load_limit_mw":null,"holds":[],"trips":[]}}',1793527200000);
CREATE TABLE outbox (
	meter_id TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	position TEXT NOT NULL, 
	decision_seq BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	settled_at BIGINT, 
	outcome TEXT, 
	CONSTRAINT pk_outbox PRIMARY KEY (meter_id, revision), 
	CONSTRAINT fk_outbox_meter_id FOREIGN KEY(meter_id) REFERENCES meter (id)
);
INSERT INTO "outbox" VALUES('flat-1/main',1,'open',1,1793527200000,1793527200000,'superseded');
INSERT INTO "outbox" VALUES('flat-1/main',2,'closed',2,1793527200000,1793527200000,'confirmed');
INSERT INTO "outbox" VALUES('flat-1/main',3,'open',3,1793556018000,NULL,NULL);
CREATE TABLE own_warning (
	id TEXT NOT NULL, 
	below BOOLEAN NOT NULL, 
	since BIGINT NOT NULL, 
	CONSTRAINT pk_own_warning PRIMARY KEY (id)
);
CREATE TABLE payment_booking (
	provider TEXT NOT NULL, 
	step TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	payment_id TEXT NOT NULL, 
	order_id TEXT, 
	account_id TEXT, 
	amount BIGINT NOT NULL, 
	entry_id TEXT, 
	actor TEXT NOT NULL, 
	note TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_payment_booking PRIMARY KEY (provider, step, "key")
)
 WITHOUT ROWID

;
CREATE TABLE payment_event (
	n BIGINT NOT NULL, 
	provider TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	order_id TEXT, 
	payment_id TEXT, 
	reversal_id TEXT, 
	amount BIGINT, 
	currency TEXT, 
	happened_at BIGINT, 
	at BIGINT NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_payment_event PRIMARY KEY (n)
);
CREATE TABLE payment_order (
	id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	tenancy INTEGER NOT NULL, 
	provider TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	currency TEXT NOT NULL, 
	reference TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_payment_order PRIMARY KEY (id), 
	CONSTRAINT fk_payment_order_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT uq_payment_order_reference UNIQUE (reference)
);
CREATE TABLE posting (
	entry_seq BIGINT NOT NULL, 
	n INTEGER NOT NULL, 
	account_id TEXT NOT NULL, 
	bucket TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	CONSTRAINT pk_posting PRIMARY KEY (entry_seq, n), 
	CONSTRAINT fk_posting_entry_seq FOREIGN KEY(entry_seq) REFERENCES journal_entry (seq)
)
 WITHOUT ROWID

;
INSERT INTO "posting" VALUES(1,0,'flat-1','balance','ZAR',100000000);
INSERT INTO "posting" VALUES(1,1,'flat-1','funds','ZAR',-100000000);
INSERT INTO "posting" VALUES(2,0,'flat-1','balance','ZAR',25000000);
INSERT INTO "posting" VALUES(2,1,'flat-1','funds','ZAR',-25000000);
INSERT INTO "posting" VALUES(3,0,'flat-1','balance','ZAR',-1133440);
INSERT INTO "posting" VALUES(3,1,'flat-1','consumption','ZAR',985600);
INSERT INTO "posting" VALUES(3,2,'flat-1','tax','ZAR',147840);
INSERT INTO "posting" VALUES(4,0,'flat-1','balance','ZAR',-1138500);
INSERT INTO "posting" VALUES(4,1,'flat-1','consumption','ZAR',990000);
INSERT INTO "posting" VALUES(4,2,'flat-1','tax','ZAR',148500);
INSERT INTO "posting" VALUES(5,0,'flat-1','balance','ZAR',-1298580);
INSERT INTO "posting" VALUES(5,1,'flat-1','consumption','ZAR',1129200);
INSERT INTO "posting" VALUES(5,2,'flat-1','tax','ZAR',169380);
INSERT INTO "posting" VALUES(6,0,'flat-1','balance','ZAR',-1345500);
INSERT INTO "posting" VALUES(6,1,'flat-1','consumption','ZAR',1170000);
INSERT INTO "posting" VALUES(6,2,'flat-1','tax','ZAR',175500);
INSERT INTO "posting" VALUES(7,0,'flat-1','balance','ZAR',-1345500);
INSERT INTO "posting" VALUES(7,1,'flat-1','consumption','ZAR',1170000);
INSERT INTO "posting" VALUES(7,2,'flat-1','tax','ZAR',175500);
INSERT INTO "posting" VALUES(8,0,'flat-1','balance','ZAR',-1863000);
INSERT INTO "posting" VALUES(8,1,'flat-1','consumption','ZAR',1620000);
INSERT INTO "posting" VALUES(8,2,'flat-1','tax','ZAR',243000);
INSERT INTO "posting" VALUES(9,0,'flat-1','balance','ZAR',-1939590);
INSERT INTO "posting" VALUES(9,1,'flat-1','consumption','ZAR',1686600);
INSERT INTO "posting" VALUES(9,2,'flat-1','tax','ZAR',252990);
INSERT INTO "posting" VALUES(10,0,'flat-1','balance','ZAR',-1574868);
INSERT INTO "posting" VALUES(10,1,'flat-1','consumption','ZAR',1369450);
INSERT INTO "posting" VALUES(10,2,'flat-1','tax','ZAR',205418);
INSERT INTO "posting" VALUES(11,0,'flat-1','balance','ZAR',-10522);
INSERT INTO "posting" VALUES(11,1,'flat-1','consumption','ZAR',9150);
INSERT INTO "posting" VALUES(11,2,'flat-1','tax','ZAR',1372);
CREATE TABLE quarantine (
	id TEXT NOT NULL, 
	meter_id TEXT NOT NULL, 
	opened_at BIGINT NOT NULL, 
	cause TEXT NOT NULL, 
	watermark_wh BIGINT NOT NULL, 
	register_wh BIGINT NOT NULL, 
	closed_at BIGINT, 
	decision TEXT, 
	actor TEXT, 
	reason TEXT, 
	CONSTRAINT pk_quarantine PRIMARY KEY (id), 
	CONSTRAINT fk_quarantine_meter_id FOREIGN KEY(meter_id) REFERENCES meter (id)
);
CREATE TABLE register_record (
	id TEXT NOT NULL, 
	meter_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	told_at BIGINT NOT NULL, 
	register_wh BIGINT NOT NULL, 
	opening_wh BIGINT, 
	address TEXT, 
	confirmed BOOLEAN NOT NULL, 
	actor TEXT NOT NULL, 
	reason TEXT, 
	CONSTRAINT pk_register_record PRIMARY KEY (id), 
	CONSTRAINT fk_register_record_meter_id FOREIGN KEY(meter_id) REFERENCES meter (id)
);
CREATE TABLE relay_status (
	meter_id TEXT NOT NULL, 
	requested TEXT, 
	requested_at BIGINT, 
	revision BIGINT NOT NULL, 
	reported TEXT, 
	reported_at BIGINT, 
	proof TEXT NOT NULL, 
	proof_at BIGINT, 
	CONSTRAINT pk_relay_status PRIMARY KEY (meter_id), 
	CONSTRAINT fk_relay_status_meter_id FOREIGN KEY(meter_id) REFERENCES meter (id)
);
INSERT INTO "relay_status" VALUES('flat-1/main','open',1793556018000,3,'closed',1793527200000,'pending',1793556018000);
CREATE TABLE retention (
	id INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	CONSTRAINT pk_retention PRIMARY KEY (id)
);
CREATE TABLE retired_energy (
	meter_id TEXT NOT NULL, 
	assigned_at BIGINT NOT NULL, 
	wh BIGINT NOT NULL, 
	CONSTRAINT pk_retired_energy PRIMARY KEY (meter_id, assigned_at), 
	CONSTRAINT fk_retired_energy_meter_id FOREIGN KEY(meter_id) REFERENCES meter (id)
);
CREATE TABLE segment (
	entry_seq BIGINT NOT NULL, 
	n INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	supply_id TEXT NOT NULL, 
	meter_id TEXT, 
	start_ms BIGINT NOT NULL, 
	end_ms BIGINT NOT NULL, 
	wh BIGINT NOT NULL, 
	register_wh BIGINT, 
	local_day TEXT NOT NULL, 
	local_slot INTEGER NOT NULL, 
	band TEXT, 
	block INTEGER, 
	version_id TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	tax BIGINT NOT NULL, 
	estimated BOOLEAN NOT NULL, 
	CONSTRAINT pk_segment PRIMARY KEY (entry_seq, n), 
	CONSTRAINT fk_segment_entry_seq FOREIGN KEY(entry_seq) REFERENCES journal_entry (seq)
)
 WITHOUT ROWID

;
INSERT INTO "segment" VALUES(3,0,'consumption','flat-1','flat-1/electricity','flat-1/main',1793527210000,1793528100000,111,10111,'2026-11-01',48,'off-peak',1,'blocks@2026-01-01',244200,36630,0);
INSERT INTO "segment" VALUES(3,1,'consumption','flat-1','flat-1/electricity','flat-1/main',1793528100000,1793529000000,112,10223,'2026-11-01',49,'off-peak',1,'blocks@2026-01-01',246400,36960,0);
INSERT INTO "segment" VALUES(3,2,'consumption','flat-1','flat-1/electricity','flat-1/main',1793529000000,1793529900000,113,10336,'2026-11-01',50,'off-peak',1,'blocks@2026-01-01',248600,37290,0);
INSERT INTO "segment" VALUES(3,3,'consumption','flat-1','flat-1/electricity','flat-1/main',1793529900000,1793530800000,112,10448,'2026-11-01',51,'off-peak',1,'blocks@2026-01-01',246400,36960,0);
INSERT INTO "segment" VALUES(4,0,'consumption','flat-1','flat-1/electricity','flat-1/main',1793530800000,1793531700000,113,10561,'2026-11-01',52,'off-peak',1,'blocks@2026-01-01',248600,37290,0);
INSERT INTO "segment" VALUES(4,1,'consumption','flat-1','flat-1/electricity','flat-1/main',1793531700000,1793532600000,112,10673,'2026-11-01',53,'off-peak',1,'blocks@2026-01-01',246400,36960,0);
INSERT INTO "segment" VALUES(4,2,'consumption','flat-1','flat-1/electricity','flat-1/main',1793532600000,1793533500000,113,10786,'2026-11-01',54,'off-peak',1,'blocks@2026-01-01',248600,37290,0);
INSERT INTO "segment" VALUES(4,3,'consumption','flat-1','flat-1/electricity','flat-1/main',1793533500000,1793534400000,112,10898,'2026-11-01',55,'off-peak',1,'blocks@2026-01-01',246400,36960,0);
INSERT INTO "segment" VALUES(5,0,'consumption','flat-1','flat-1/electricity','flat-1/main',1793534400000,1793535211900,102,11000,'2026-11-01',56,'off-peak',1,'blocks@2026-01-01',224400,33660,0);
INSERT INTO "segment" VALUES(5,1,'consumption','flat-1','flat-1/electricity','flat-1/main',1793535211900,1793535300000,11,11011,'2026-11-01',56,'off-peak',2,'blocks@2026-01-01',28600,4290,0);
INSERT INTO "segment" VALUES(5,2,'consumption','flat-1','flat-1/electricity','flat-1/main',1793535300000,1793536200000,112,11123,'2026-11-01',57,'off-peak',2,'blocks@2026-01-01',291200,43680,0);
INSERT INTO "segment" VALUES(5,3,'consumption','flat-1','flat-1/electricity','flat-1/main',1793536200000,1793537100000,113,11236,'2026-11-01',58,'off-peak',2,'blocks@2026-01-01',293800,44070,0);
INSERT INTO "segment" VALUES(5,4,'consumption','flat-1','flat-1/electricity','flat-1/main',1793537100000,1793538000000,112,11348,'2026-11-01',59,'off-peak',2,'blocks@2026-01-01',291200,43680,0);
INSERT INTO "segment" VALUES(6,0,'consumption','flat-1','flat-1/electricity','flat-1/main',1793538000000,1793538900000,112,11460,'2026-11-01',60,'off-peak',2,'blocks@2026-01-01',291200,43680,0);
INSERT INTO "segment" VALUES(6,1,'consumption','flat-1','flat-1/electricity','flat-1/main',1793538900000,1793539800000,113,11573,'2026-11-01',61,'off-peak',2,'blocks@2026-01-01',293800,44070,0);
INSERT INTO "segment" VALUES(6,2,'consumption','flat-1','flat-1/electricity','flat-1/main',1793539800000,1793540700000,112,11685,'2026-11-01',62,'off-peak',2,'blocks@2026-01-01',291200,43680,0);
INSERT INTO "segment" VALUES(6,3,'consumption','flat-1','flat-1/electricity','flat-1/main',1793540700000,1793541600000,113,11798,'2026-11-01',63,'off-peak',2,'blocks@2026-01-01',293800,44070,0);
INSERT INTO "segment" VALUES(7,0,'consumption','flat-1','flat-1/electricity','flat-1/main',1793541600000,1793542500000,112,11910,'2026-11-01',64,'off-peak',2,'blocks@2026-01-01',291200,43680,0);
INSERT INTO "segment" VALUES(7,1,'consumption','flat-1','flat-1/electricity','flat-1/main',1793542500000,1793543400000,113,12023,'2026-11-01',65,'off-peak',2,'blocks@2026-01-01',293800,44070,0);
INSERT INTO "segment" VALUES(7,2,'consumption','flat-1','flat-1/electricity','flat-1/main',1793543400000,1793544300000,112,12135,'2026-11-01',66,'off-peak',2,'blocks@2026-01-01',291200,43680,0);
INSERT INTO "segment" VALUES(7,3,'consumption','flat-1','flat-1/electricity','flat-1/main',1793544300000,1793545200000,113,12248,'2026-11-01',67,'off-peak',2,'blocks@2026-01-01',293800,44070,0);
INSERT INTO "segment" VALUES(8,0,'consumption','flat-1','flat-1/electricity','flat-1/main',1793545200000,1793546100000,112,12360,'2026-11-01',68,'peak',2,'blocks@2026-01-01',403200,60480,0);
INSERT INTO "segment" VALUES(8,1,'consumption','flat-1','flat-1/electricity','flat-1/main',1793546100000,1793547000000,113,12473,'2026-11-01',69,'peak',2,'blocks@2026-01-01',406800,61020,0);
INSERT INTO "segment" VALUES(8,2,'consumption','flat-1','flat-1/electricity','flat-1/main',1793547000000,1793547900000,112,12585,'2026-11-01',70,'peak',2,'blocks@2026-01-01',403200,60480,0);
INSERT INTO "segment" VALUES(8,3,'consumption','flat-1','flat-1/electricity','flat-1/main',1793547900000,1793548800000,113,12698,'2026-11-01',71,'peak',2,'blocks@2026-01-01',406800,61020,0);
INSERT INTO "segment" VALUES(9,0,'consumption','flat-1','flat-1/electricity','flat-1/main',1793548800000,1793549700000,112,12810,'2026-11-01',72,'peak',2,'blocks@2026-01-01',403200,60480,0);
INSERT INTO "segment" VALUES(9,1,'consumption','flat-1','flat-1/electricity','flat-1/main',1793549700000,1793550600000,113,12923,'2026-11-01',73,'peak',2,'blocks@2026-01-01',406800,61020,0);
INSERT INTO "segment" VALUES(9,2,'consumption','flat-1','flat-1/electricity','flat-1/main',1793550600000,1793551218750,77,13000,'2026-11-01',74,'peak',2,'blocks@2026-01-01',277200,41580,0);
INSERT INTO "segment" VALUES(9,3,'consumption','flat-1','flat-1/electricity','flat-1/main',1793551218750,1793551500000,35,13035,'2026-11-01',74,'peak',3,'blocks@2026-01-01',141750,21262,0);
INSERT INTO "segment" VALUES(9,4,'consumption','flat-1','flat-1/electricity','flat-1/main',1793551500000,1793552400000,113,13148,'2026-11-01',75,'peak',3,'blocks@2026-01-01',457650,68648,0);
INSERT INTO "segment" VALUES(10,0,'consumption','flat-1','flat-1/electricity','flat-1/main',1793552400000,1793553300000,112,13260,'2026-11-01',76,'off-peak',3,'blocks@2026-01-01',341600,51240,0);
INSERT INTO "segment" VALUES(10,1,'consumption','flat-1','flat-1/electricity','flat-1/main',1793553300000,1793554200000,112,13372,'2026-11-01',77,'off-peak',3,'blocks@2026-01-01',341600,51240,0);
INSERT INTO "segment" VALUES(10,2,'consumption','flat-1','flat-1/electricity','flat-1/main',1793554200000,1793555100000,113,13485,'2026-11-01',78,'off-peak',3,'blocks@2026-01-01',344650,51698,0);
INSERT INTO "segment" VALUES(10,3,'consumption','flat-1','flat-1/electricity','flat-1/main',1793555100000,1793556000000,112,13597,'2026-11-01',79,'off-peak',3,'blocks@2026-01-01',341600,51240,0);
INSERT INTO "segment" VALUES(11,0,'consumption','flat-1','flat-1/electricity','flat-1/main',1793556000000,1793556017000,3,13600,'2026-11-01',80,'off-peak',3,'blocks@2026-01-01',9150,1372,0);
CREATE TABLE shard (
	n INTEGER NOT NULL, 
	last_instant BIGINT NOT NULL, 
	applied BIGINT NOT NULL, 
	CONSTRAINT pk_shard PRIMARY KEY (n)
);
CREATE TABLE site (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	time_zone TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	CONSTRAINT pk_site PRIMARY KEY (id)
);
INSERT INTO "site" VALUES('house','Test house','Africa/Johannesburg','ZAR');
CREATE TABLE site_shard (
	site_id TEXT NOT NULL, 
	shard INTEGER NOT NULL, 
	CONSTRAINT pk_site_shard PRIMARY KEY (site_id), 
	CONSTRAINT fk_site_shard_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);
CREATE TABLE supply (
	id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	commodity TEXT NOT NULL, 
	closed_at BIGINT, 
	CONSTRAINT pk_supply PRIMARY KEY (id), 
	CONSTRAINT fk_supply_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
INSERT INTO "supply" VALUES('flat-1/electricity','flat-1','electricity',NULL);
CREATE TABLE supply_decision (
	seq BIGINT NOT NULL, 
	account_id TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	note TEXT, 
	available BIGINT NOT NULL, 
	revision BIGINT NOT NULL, 
	CONSTRAINT pk_supply_decision PRIMARY KEY (seq), 
	CONSTRAINT fk_supply_decision_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
INSERT INTO "supply_decision" VALUES(1,'flat-1',1793527200000,'disconnected','credit_exhausted','bridge',NULL,0,1);
INSERT INTO "supply_decision" VALUES(2,'flat-1',1793527200000,'connected','in_credit','landlord',NULL,100000000,2);
INSERT INTO "supply_decision" VALUES(3,'flat-1',1793556018000,'disconnected','landlord_off','landlord','waits for the electrician',113350500,3);
CREATE TABLE supply_status (
	supply_id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	accrued BIGINT NOT NULL, 
	energy_wh BIGINT NOT NULL, 
	power_mw BIGINT, 
	document BLOB NOT NULL, 
	CONSTRAINT pk_supply_status PRIMARY KEY (supply_id), 
	CONSTRAINT fk_supply_status_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT fk_supply_status_supply_id FOREIGN KEY(supply_id) REFERENCES supply (id)
)
 WITHOUT ROWID

;
INSERT INTO "supply_status" VALUES('flat-1/electricity','flat-1',1793556079000,0,3600,0,X'5B5B5B22636F6E73756D7074696F6E222C22323032362D31312D30312F50314D222C22626C6F636B7340323032362D30312D3031222C302C226F66662D7065616B222C22222C2231303030222C2231303030222C323230303030305D2C5B22746178222C22323032362D31312D30312F50314D222C22626C6F636B7340323032362D30312D3031222C2D312C22564154222C22222C2231353139353030303030303030303030303030303030303030222C2231353139353030303030303030303030303030303030303030222C313531393530305D2C5B22636F6E73756D7074696F6E222C22323032362D31312D30312F50314D222C22626C6F636B7340323032362D30312D3031222C312C226F66662D7065616B222C22222C2231323438222C2231323438222C333234343830305D2C5B22636F6E73756D7074696F6E222C22323032362D31312D30312F50314D222C22626C6F636B7340323032362D30312D3031222C312C227065616B222C22222C22373532222C22373532222C323730373230305D2C5B22636F6E73756D7074696F6E222C22323032362D31312D30312F50314D222C22626C6F636B7340323032362D30312D3031222C322C227065616B222C22222C22313438222C22313438222C3539393430305D2C5B22636F6E73756D7074696F6E222C22323032362D31312D30312F50314D222C22626C6F636B7340323032362D30312D3031222C322C226F66662D7065616B222C22222C22343532222C22343532222C313337383630305D5D2C5B5B22323032362D31312D30312F50314D222C302C333630305D5D2C5B5D2C5B5B22666C61742D312F6D61696E222C5B302C31303030302C31333630302C313739333535363037383030302C6E756C6C2C6E756C6C2C302C6E756C6C2C302C6E756C6C2C313739333532373231303030302C305D2C302C302C6E756C6C2C6E756C6C2C6E756C6C2C747275652C313739333535363037383030302C6E756C6C2C6E756C6C2C6E756C6C5D5D2C313739333537303430303030302C5B5B22323032362D31312D3031222C333630302C31313634393530305D5D2C5B302C302C302C305D2C302C5B5D2C7B7D2C7B7D2C5B5D2C6E756C6C5D');
CREATE TABLE supply_tariff (
	supply_id TEXT NOT NULL, 
	valid_from BIGINT NOT NULL, 
	tariff_id TEXT NOT NULL, 
	CONSTRAINT pk_supply_tariff PRIMARY KEY (supply_id, valid_from), 
	CONSTRAINT fk_supply_tariff_supply_id FOREIGN KEY(supply_id) REFERENCES supply (id), 
	CONSTRAINT fk_supply_tariff_tariff_id FOREIGN KEY(tariff_id) REFERENCES tariff (id)
);
INSERT INTO "supply_tariff" VALUES('flat-1/electricity',1793527200000,'blocks');
CREATE TABLE tariff (
	id TEXT NOT NULL, 
	site_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_tariff PRIMARY KEY (id), 
	CONSTRAINT fk_tariff_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);
INSERT INTO "tariff" VALUES('blocks','house','Blocks and bands');
CREATE TABLE tariff_version (
	id TEXT NOT NULL, 
	tariff_id TEXT NOT NULL, 
	valid_from BIGINT NOT NULL, 
	document TEXT NOT NULL, 
	withdrawn_at BIGINT, 
	CONSTRAINT pk_tariff_version PRIMARY KEY (id), 
	CONSTRAINT fk_tariff_version_tariff_id FOREIGN KEY(tariff_id) REFERENCES tariff (id)
);
INSERT INTO "tariff_version" VALUES('blocks@2026-01-01','blocks',1767218400000,'{"id":"blocks@2026-01-01","tariff_id":"blocks","valid_from":1767218400000,"currency":"ZAR","calendar":{"time_zone":"Africa/Johannesburg","bands":[{"name":"peak","windows":[{"days":[0,1,2,3,4,5,6],"start":1020,"end":1140,"seasons":[]}],"rest":false},{"name":"off-peak","windows":[],"rest":true}],"seasons":[],"holidays":[],"holiday_as":7,"holiday_rule":""},"ladders":[{"bands":["peak","off-peak"],"prices":[[3100000000,2200000000],[3600000000,2600000000],[4050000000,3050000000]],"limits":[1000,3000]}],"meaning":"pooled_chronological","basis":"consumption_time","block_period":{"unit":"month","day":1,"month":1},"billing_period":{"unit":"month","day":1,"month":1},"history_periods":0,"prorate":false,"prorate_last":false,"standing":[{"name":"standing charge","amount":1000000,"per":"day"}],"demand":null,"minimum":0,"free_wh":0,"free_climbs":true,"lifeline":null,"taxes":[{"name":"VAT","rate_ppm":150000,"on":["consumption","demand","minimum","standing"],"kind":"tax","inclusive":false,"per_mwh":0}],"source":"","profile":null}',NULL);
CREATE TABLE tenancy (
	account_id TEXT NOT NULL, 
	n INTEGER NOT NULL, 
	customer TEXT, 
	start_ms BIGINT NOT NULL, 
	end_ms BIGINT, 
	first_seq BIGINT NOT NULL, 
	first_event BIGINT NOT NULL, 
	CONSTRAINT pk_tenancy PRIMARY KEY (account_id, n), 
	CONSTRAINT fk_tenancy_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
INSERT INTO "tenancy" VALUES('flat-1',1,NULL,1793527200000,NULL,1,1);
CREATE TABLE tenant_access (
	id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	tenancy INTEGER NOT NULL, 
	code_hash BLOB NOT NULL, 
	link_hash BLOB NOT NULL, 
	actor TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	CONSTRAINT pk_tenant_access PRIMARY KEY (id), 
	CONSTRAINT fk_tenant_access_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
CREATE TABLE token (
	id TEXT NOT NULL, 
	secret_hash BLOB NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	sites TEXT NOT NULL, 
	accounts TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	revoked_at BIGINT, 
	CONSTRAINT pk_token PRIMARY KEY (id)
);
CREATE TABLE voucher (
	id TEXT NOT NULL, 
	batch_id TEXT NOT NULL, 
	code_hash BLOB NOT NULL, 
	sold_at BIGINT, 
	sold_to TEXT, 
	sold_by TEXT, 
	blocked_at BIGINT, 
	blocked_by TEXT, 
	blocked_reason TEXT, 
	CONSTRAINT pk_voucher PRIMARY KEY (id), 
	CONSTRAINT fk_voucher_batch_id FOREIGN KEY(batch_id) REFERENCES voucher_batch (id), 
	CONSTRAINT uq_voucher_code_hash UNIQUE (code_hash)
);
CREATE TABLE voucher_batch (
	id TEXT NOT NULL, 
	site_id TEXT, 
	amount BIGINT NOT NULL, 
	currency TEXT NOT NULL, 
	count INTEGER NOT NULL, 
	needs_sale BOOLEAN NOT NULL, 
	note TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	CONSTRAINT pk_voucher_batch PRIMARY KEY (id), 
	CONSTRAINT fk_voucher_batch_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);
CREATE TABLE voucher_redemption (
	voucher_id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	entry_seq BIGINT NOT NULL, 
	actor TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_voucher_redemption PRIMARY KEY (voucher_id), 
	CONSTRAINT fk_voucher_redemption_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT fk_voucher_redemption_voucher_id FOREIGN KEY(voucher_id) REFERENCES voucher (id)
)
 WITHOUT ROWID

;
CREATE TABLE wrong_secret (
	id TEXT NOT NULL, 
	document TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_wrong_secret PRIMARY KEY (id)
);
CREATE INDEX ix_alert_opened ON alert (opened_at);
CREATE INDEX ix_account_site_id ON account (site_id);
CREATE INDEX ix_journal_entry_account_seq ON journal_entry (account_id, seq, at);
CREATE INDEX ix_journal_entry_kind_account_seq ON journal_entry (kind, account_id, seq);
CREATE INDEX ix_journal_entry_refers_to ON journal_entry (refers_to) WHERE refers_to IS NOT NULL;
CREATE INDEX ix_supply_account_id ON supply (account_id);
CREATE INDEX ix_supply_decision_account_id ON supply_decision (account_id);
CREATE INDEX ix_tariff_version_tariff_id ON tariff_version (tariff_id);
CREATE INDEX ix_meter_supply_id ON meter (supply_id);
CREATE INDEX ix_quarantine_meter_id ON quarantine (meter_id);
CREATE INDEX ix_register_record_meter_id ON register_record (meter_id);
CREATE TRIGGER journal_entry_no_update BEFORE UPDATE ON journal_entry BEGIN SELECT RAISE(ABORT, 'rows of journal_entry are never changed; add a correcting entry'); END;
CREATE TRIGGER journal_entry_no_delete BEFORE DELETE ON journal_entry BEGIN SELECT RAISE(ABORT, 'rows of journal_entry are never deleted'); END;
CREATE TRIGGER posting_no_update BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'rows of posting are never changed; add a correcting entry'); END;
CREATE TRIGGER posting_no_delete BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'rows of posting are never deleted'); END;
CREATE TRIGGER charge_line_no_update BEFORE UPDATE ON charge_line BEGIN SELECT RAISE(ABORT, 'rows of charge_line are never changed; add a correcting entry'); END;
CREATE TRIGGER charge_line_no_delete BEFORE DELETE ON charge_line BEGIN SELECT RAISE(ABORT, 'rows of charge_line are never deleted'); END;
CREATE TRIGGER segment_no_update BEFORE UPDATE ON segment BEGIN SELECT RAISE(ABORT, 'rows of segment are never changed; add a correcting entry'); END;
CREATE TRIGGER operation_no_update BEFORE UPDATE ON operation BEGIN SELECT RAISE(ABORT, 'rows of operation are never changed; add a correcting entry'); END;
CREATE TRIGGER operation_no_delete BEFORE DELETE ON operation BEGIN SELECT RAISE(ABORT, 'rows of operation are never deleted'); END;
CREATE TRIGGER supply_decision_no_update BEFORE UPDATE ON supply_decision BEGIN SELECT RAISE(ABORT, 'rows of supply_decision are never changed; add a correcting entry'); END;
CREATE TRIGGER supply_decision_no_delete BEFORE DELETE ON supply_decision BEGIN SELECT RAISE(ABORT, 'rows of supply_decision are never deleted'); END;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'rows of event are never changed; add a correcting entry'); END;
CREATE TRIGGER applied_site_no_update BEFORE UPDATE ON applied_site BEGIN SELECT RAISE(ABORT, 'rows of applied_site are never changed; add a correcting entry'); END;
CREATE TRIGGER applied_site_no_delete BEFORE DELETE ON applied_site BEGIN SELECT RAISE(ABORT, 'rows of applied_site are never deleted'); END;
CREATE TRIGGER register_record_no_update BEFORE UPDATE ON register_record BEGIN SELECT RAISE(ABORT, 'rows of register_record are never changed; add a correcting entry'); END;
CREATE TRIGGER register_record_no_delete BEFORE DELETE ON register_record BEGIN SELECT RAISE(ABORT, 'rows of register_record are never deleted'); END;
CREATE TRIGGER tariff_version_begun BEFORE UPDATE ON tariff_version WHEN (OLD.document <> NEW.document OR OLD.valid_from <> NEW.valid_from OR OLD.tariff_id <> NEW.tariff_id) AND OLD.valid_from <= (SELECT max(last_instant) FROM installation) BEGIN SELECT RAISE(ABORT, 'a tariff version that has begun is never changed'); END;
CREATE INDEX ix_voucher_batch_id ON voucher (batch_id);
CREATE TRIGGER voucher_batch_no_update BEFORE UPDATE ON voucher_batch BEGIN SELECT RAISE(ABORT, 'rows of voucher_batch are never changed'); END;
CREATE TRIGGER voucher_batch_no_delete BEFORE DELETE ON voucher_batch BEGIN SELECT RAISE(ABORT, 'rows of voucher_batch are never deleted'); END;
CREATE TRIGGER voucher_redemption_no_update BEFORE UPDATE ON voucher_redemption BEGIN SELECT RAISE(ABORT, 'rows of voucher_redemption are never changed'); END;
CREATE TRIGGER voucher_redemption_no_delete BEFORE DELETE ON voucher_redemption BEGIN SELECT RAISE(ABORT, 'rows of voucher_redemption are never deleted'); END;
CREATE UNIQUE INDEX uq_payment_order_account_key ON payment_order (account_id, "key");
CREATE INDEX ix_payment_order_created_at ON payment_order (created_at);
CREATE UNIQUE INDEX uq_payment_event_provider_event ON payment_event (provider, event_id);
CREATE INDEX ix_payment_event_order_id ON payment_event (order_id);
CREATE INDEX ix_payment_event_payment_id ON payment_event (payment_id);
CREATE INDEX ix_payment_booking_payment ON payment_booking (provider, payment_id);
CREATE TRIGGER payment_order_no_update BEFORE UPDATE ON payment_order BEGIN SELECT RAISE(ABORT, 'rows of payment_order are never changed'); END;
CREATE TRIGGER payment_order_no_delete BEFORE DELETE ON payment_order BEGIN SELECT RAISE(ABORT, 'rows of payment_order are never deleted'); END;
CREATE TRIGGER payment_event_no_update BEFORE UPDATE ON payment_event BEGIN SELECT RAISE(ABORT, 'rows of payment_event are never changed'); END;
CREATE TRIGGER payment_event_no_delete BEFORE DELETE ON payment_event BEGIN SELECT RAISE(ABORT, 'rows of payment_event are never deleted'); END;
CREATE TRIGGER payment_booking_no_update BEFORE UPDATE ON payment_booking BEGIN SELECT RAISE(ABORT, 'rows of payment_booking are never changed'); END;
CREATE TRIGGER payment_booking_no_delete BEFORE DELETE ON payment_booking BEGIN SELECT RAISE(ABORT, 'rows of payment_booking are never deleted'); END;
CREATE UNIQUE INDEX uq_lease_name_token ON lease (name, token);
CREATE INDEX ix_tenant_access_account_id ON tenant_access (account_id);
CREATE INDEX ix_notice_waiting ON notice (ended_at, next_at);
CREATE TRIGGER keypad_token_no_update BEFORE UPDATE ON keypad_token BEGIN SELECT RAISE(ABORT, 'rows of keypad_token are never changed'); END;
CREATE TRIGGER keypad_token_no_delete BEFORE DELETE ON keypad_token BEGIN SELECT RAISE(ABORT, 'rows of keypad_token are never deleted'); END;
CREATE INDEX ix_foresight_account_id ON foresight (account_id);
CREATE INDEX ix_wrong_secret_expires_at ON wrong_secret (expires_at);
CREATE UNIQUE INDEX uq_payment_booking_decision ON payment_booking (provider, "key") WHERE step IN ('credit', 'dismiss');
COMMIT;
