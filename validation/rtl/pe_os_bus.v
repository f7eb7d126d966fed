// PE of `osbus` and `osbus-pipe`: one accumulator. In the cycle of the fold's last MAC the adder output goes onto the
// column's bus, and the accumulator empties.
module pe_os_bus #(
    parameter WORD = 8,
    parameter SUM = 32
) (
    input clk,
    input en,
    input rst,
    input signed [WORD-1:0] a,  // row operand, from the west
    input a_valid,
    input last,  // bits that ride with the row operand: the fold's last step,
    input sh,    // this wave moves the chain,
    input sel,   // the accumulator that the MAC uses
    input signed [WORD-1:0] b,  // column operand, from the north
    input b_valid,
    input shift,  // strobes of the column: move the chain,
    input swap,   // take the accumulators into it
    input signed [SUM-1:0] chain,  // from the northern PE
    input chain_valid,
    output signed [SUM-1:0] chain_out,
    output chain_valid_out,
    output signed [SUM-1:0] result,  // what the PE offers the output port in this cycle
    output result_valid
);
    reg signed [SUM-1:0] acc;
    reg acc_valid;
    wire mac = a_valid && b_valid;
    wire signed [SUM-1:0] product = a * b;

    assign chain_out = {SUM{1'b0}};
    assign chain_valid_out = 1'b0;
    assign result = (acc_valid ? acc : {SUM{1'b0}}) + (mac ? product : {SUM{1'b0}});
    assign result_valid = last && (acc_valid || mac);

    always @(posedge clk)
        if (rst) begin
            acc_valid <= 1'b0;
        end else if (en) begin
            if (mac) acc <= result;
            acc_valid <= !last && (acc_valid || mac);
        end
endmodule
